import assert from 'node:assert/strict'
import { atLeast, loaded, ofKind, test, visit } from './harness.mjs'

/** The page does what it does to the browser's own objects; heed must neither break nor break it. */
const hostile = (key, before, check, options) =>
  test(`hostile page: ${key}`, () =>
    visit(key, async (site) => {
      const page = await site.open('home?allow', before)
      await check(site, page)
    }, options))

const views = (count) => async (site) => {
  const events = await site.events(atLeast('page', count))
  assert.equal(ofKind(events, 'page').length, count)
}

hostile('list-toJSON', () => {
  Array.prototype.toJSON = function () { return `list of ${this.length}` }
}, views(1))

hostile('list-extras', () => {
  Array.prototype.extra = function () {}
  Object.prototype.extra = function () {}
}, views(1))

hostile('fetch-throws', () => {
  window.fetch = () => { throw new Error('no fetch here') }
}, views(1)) // by beacon

hostile('frozen-history', () => Object.freeze(history), async (site, page) => {
  await views(1)(site)
  await page.evaluate(() => history.pushState(null, '', 'second'))
  assert.ok((await page.url()).endsWith('second'))
}, { expectErrors: true })

hostile('no-storage', () => {
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError') } })
  }
}, views(1))

hostile('no-cookies', () => {
  Object.defineProperty(document, 'cookie', { get: () => '', set() {} })
}, async (site, page) => {
  await views(1)(site)
  await page.evaluate(() => heed('consent', 'refuse'))
  assert.equal(await page.evaluate(() => heed.consent.performance), false)
})

hostile('cookies-throw', () => {
  Object.defineProperty(document, 'cookie', {
    get() { throw new DOMException('sandboxed', 'SecurityError') },
    set() { throw new DOMException('sandboxed', 'SecurityError') },
  })
}, views(1))

const broken = (key, before) =>
  hostile(key, before, async (site, page) => {
    await page.waitForFunction(() => document.readyState === 'complete')
    const harmless = await page.evaluate(() => {
      heed('event', 'x', { get y() { throw new Error('trap') } })
      heed()
      heed('consent', Symbol('no'))
      heed('event', Object.create(null))
      history.pushState({ mine: 1 }, '', 'second')
      document.querySelector('#signup').dispatchEvent(new Event('submit', { cancelable: true, bubbles: true }))
      return history.state.mine
    })
    assert.equal(harmless, 1)
    const problems = await site.problems()
    assert.deepEqual(problems.filter((text) => text.startsWith('page error')), [])
    assert.ok(problems.filter((text) => text.includes('[heed]')).length <= 1, problems.join('\n'))
  }, { expectErrors: true })

broken('json-throws', () => { JSON.stringify = () => { throw new Error('no JSON here') } })
broken('list-throws', () => { Array.prototype.map = Array.prototype.filter = () => { throw new Error('no lists here') } })
broken('crypto-throws', () => { Object.defineProperty(window, 'crypto', { get() { throw new Error('no crypto') } }) })
broken('console-throws', () => {
  console.warn = () => { throw new Error('no console') }
  Object.defineProperty(window, 'crypto', { get() { throw new Error('no crypto') } })
})
broken('all-throw', () => {
  window.fetch = navigator.sendBeacon = () => { throw new Error('no network here') }
})

test('a policy that forbids requests does not make the page fail', () =>
  visit('csp', async (site) => {
    const page = await site.open('home?csp&allow')
    await loaded(page)
    assert.deepEqual(await site.batches(0), [])
    assert.deepEqual((await site.problems()).filter((text) => text.startsWith('page error')), [])
  }, { expectErrors: true }))

test('the functions of history are the page\'s again after a withdrawal', () =>
  visit('restored', async (site) => {
    const page = await site.open('home', () => { window.originals = [history.pushState, history.replaceState] })
    await loaded(page)
    const same = () => page.evaluate(() => originals[0] === history.pushState && originals[1] === history.replaceState)
    assert.equal(await same(), true) // nothing is touched before permission
    await page.evaluate(() => heed('consent', 'allow'))
    assert.equal(await same(), false)
    await page.evaluate(() => heed('consent', 'refuse'))
    assert.equal(await same(), true)
  }))
