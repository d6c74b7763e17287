import assert from 'node:assert/strict'
import { atLeast, idle, loaded, ofKind, test, visit } from './harness.mjs'

/** What has run on the page, in its order. */
const ran = (page) => page.evaluate(() => window.ran || [])
const ranAll = (page, ...names) => page.waitForFunction((all) => (window.ran || []).join() === all, {}, names.join())
const choose = (page, choice) => page.evaluate((choice) => heed('consent', choice), choice)

for (const strength of ['sealed', 'tag']) {
  test(`${strength}: marked scripts run in the page, once and in order, when they are allowed`, () =>
    visit(`wall-${strength}-marked`, async (site) => {
      const page = await site.open('home?body=marked')
      await loaded(page)
      assert.deepEqual(await ran(page), [])
      await choose(page, { performance: true })
      await page.waitForFunction(() => document.cookie.includes('heed'))
      await page.waitForFunction(() => performance.getEntriesByType('navigation')[0].type === 'reload' && (window.ran || []).length > 3)
      await ranAll(page, 'first', 'second', 'third', 'fourth')
      await choose(page, 'allow')
      await ranAll(page, 'first', 'second', 'third', 'fourth', 'both', 'ad')
    }))

  test(`${strength}: what was held back runs after one reload, and the view goes on`, () =>
    visit(`wall-${strength}-reload`, async (site) => {
      const page = await site.open('home?body=unmarked')
      await loaded(page)
      assert.deepEqual(await ran(page), [])
      await choose(page, 'allow')
      await ranAll(page, 'unmarked')
      await loaded(page)
      const events = await site.events(atLeast('page', 1))
      assert.equal(new Set(ofKind(events, 'page').map(({ id }) => id)).size, 1)
    }, { expectErrors: true })) // the browser itself says what a policy held back

  test(`${strength}: a withdrawal clears what was kept, and ends what ran`, () =>
    visit(`wall-${strength}-withdraw`, async (site) => {
      const page = await site.open('home')
      await loaded(page)
      await page.evaluate(() => {
        document.cookie = '_ga=early'
        localStorage.setItem('unknown', 'early')
        localStorage.basket = 'mine'
      })
      assert.deepEqual(await page.evaluate(() => [document.cookie, Object.keys(localStorage)]), ['', ['basket']])
      await choose(page, 'allow')
      await site.events(atLeast('page', 1))
      await page.evaluate(() => {
        document.cookie = '_ga=1; path=/'
        document.cookie = '_ga_AB=1'
        document.cookie = '_fbp=1'
        localStorage.setItem('map_style', 'dark')
        sessionStorage.map_zoom = 3
      })
      assert.deepEqual((await page.evaluate(() => document.cookie.match(/_\w+=1(?!\.)/g))).sort(), ['_fbp=1', '_ga=1', '_ga_AB=1'])
      await page.evaluate(() => { window.before = true })
      await choose(page, 'refuse')
      await page.waitForFunction(() => !window.before && window.heed && 'consent' in heed)
      await page.waitForFunction(() => /=1\.01\./.test(document.cookie)) // a page that is left may leave it to the next to tell
      assert.match(await page.evaluate(() => document.cookie), /^heed_[^;]*=1\.01\.[^;]*$/)
      assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [['basket'], []])
    }, { expectErrors: true })) // Firefox names each cookie that it does not set
}

test('storage is what the page expects, however it is asked', () =>
  visit('wall-tag-areas', async (site) => {
    const [page, other] = [await site.open('home'), await site.open('home')]
    await loaded(page)
    assert.deepEqual(await page.evaluate(() => {
      const { setItem, getItem, removeItem, key } = Storage.prototype
      setItem.call(localStorage, 'basket', 'mine')
      setItem.call(sessionStorage, 'unknown', 'early')
      const patched = []
      Storage.prototype.setItem = function (...args) { patched.push(args[0]); return setItem.apply(this, args) }
      sessionStorage.setItem('basket', 'two')
      const asked = new StorageEvent('storage', { key: 'basket', storageArea: sessionStorage })
      const seen = [
        getItem.call(localStorage, 'basket'), key.call(localStorage, 0), localStorage.basket, localStorage.length, 'basket' in localStorage,
        localStorage instanceof Storage, Object.keys(sessionStorage), patched, asked.key, asked.storageArea === sessionStorage,
        new StorageEvent('storage').storageArea,
      ]
      removeItem.call(localStorage, 'basket')
      Storage.prototype.clear.call(sessionStorage)
      return [...seen, localStorage.length + sessionStorage.length]
    }), ['mine', 'basket', 'mine', 1, true, true, ['basket'], ['basket'], 'basket', true, null, 0])
    await page.evaluate(() => addEventListener('storage', ({ key, storageArea }) => { window.heard = [key, storageArea === localStorage] }))
    await other.evaluate(() => localStorage.setItem('basket', 'theirs'))
    await page.waitForFunction(() => window.heard)
    assert.deepEqual(await page.evaluate(() => window.heard), ['basket', true])
  }))

test('an embed that is held back leaves its place to a button that allows it alone', () =>
  visit('wall-tag-embed', async (site) => {
    const page = await site.open('home?body=embed', () => {
      const attach = Element.prototype.attachShadow // to see into it
      Element.prototype.attachShadow = function (how) { return attach.call(this, { ...how, mode: 'open' }) }
    })
    await page.waitForFunction(() => document.querySelector('iframe[hidden]')?.previousSibling.shadowRoot)
    const seen = await page.evaluate(() => {
      const place = document.querySelector('iframe').previousSibling
      const { width, height } = place.getBoundingClientRect()
      return { width, height, text: place.shadowRoot.textContent }
    })
    assert.ok(seen.width >= 300 && seen.height >= 200, JSON.stringify(seen))
    assert.equal(seen.text, 'Content from 127.0.0.1 is held back until you allow it.Allow 127.0.0.1')
    await choose(page, { functional: true }) // which stays, as the button knows
    await page.waitForFunction(() => heed.consent.functional)
    await page.evaluate(() => document.querySelector('iframe').previousSibling.shadowRoot.querySelector('button').click())
    await page.waitForFunction(() => document.querySelector('iframe[src]:not([hidden])')?.contentWindow.length === 0 && window.heed?.consent)
    assert.deepEqual(await page.evaluate(() => ({ ...heed.consent })), { answered: true, functional: true, performance: true, advertising: false })
    assert.match(await page.evaluate((key) => localStorage.getItem(key), `heed.${site.key}.s`), / stats maps$/)
  }, { expectErrors: true }))

test('a place that was learnt is known on all pages behind', () =>
  visit('wall-tag-place', async (site) => {
    await site.place('US-CA')
    const page = await site.open('home?body=unmarked')
    await page.waitForFunction((key) => sessionStorage.getItem(key), {}, `heed.${site.key}.p`)
    assert.deepEqual(await ran(page), [])
    for (const [count, name] of ['second', 'third', 'fourth'].entries()) {
      await page.goto(site.url(`${name}?body=unmarked`))
      await ranAll(page, 'unmarked')
      await site.events(atLeast('page', count + 2))
    }
  }, { expectErrors: true }))

test('a changed form is not lost to a reload', () =>
  visit('wall-sealed-form', async (site) => {
    const page = await site.open('home?body=unmarked')
    await loaded(page)
    await page.evaluate(() => {
      window.before = true
      document.querySelector('#signup [name=id]').value = 'half typed'
    })
    await choose(page, 'allow')
    await site.events(atLeast('page', 1))
    assert.ok(await page.evaluate(() => window.before))
    assert.deepEqual(await ran(page), [])
    const next = await site.open('next?body=unmarked')
    await ranAll(next, 'unmarked')
  }, { expectErrors: true }))
