import assert from 'node:assert/strict'
import { atLeast, loaded, ofKind, test, visit } from './harness.mjs'

test('a form that leads away is delivered, without its values', () =>
  visit('forms', async (site) => {
    const page = await site.open('home?allow')
    await loaded(page)
    for (const [count, form] of ['signup', 'search', 'form[2]'].entries()) {
      const selector = ['#signup button', '[name=search] button', 'form:last-of-type button'][count]
      await page.follow(() => page.click(selector))
      const sent = ofKind(await site.events(atLeast('form', count + 1)), 'form')[count]
      assert.equal(sent.form, form)
      assert.equal(sent.batch.lane, 'urgent')
      await loaded(page) // what is cut short Firefox takes for a script that was changed
      await page.goto(site.url('home'))
      await loaded(page)
    }
    const batches = await site.batches(0)
    const bodies = batches.map((batch) => batch.body.events.map(({ url, referrer, ...rest }) => rest))
    assert.doesNotMatch(JSON.stringify(bodies), /secret-value/)
  }))

test('a slow collector does not delay a form', () =>
  visit('slow', async (site) => {
    const page = await site.open('home?allow')
    await site.events(atLeast('page', 1))
    await site.answers({ status: 202, delayMs: 30_000 }, { status: 202, delayMs: 30_000 })
    const began = Date.now()
    await page.follow(() => page.click('#signup button'))
    assert.ok(Date.now() - began < 15_000, `took ${Date.now() - began} ms`)
    const [sent] = ofKind(await site.events(atLeast('form', 1)), 'form')
    assert.equal(sent.form, 'signup')
  }))

test('a form that the page handles itself stays the page\'s', () =>
  visit('handled', async (site) => {
    const page = await site.open('home?allow')
    await loaded(page)
    await page.evaluate(() =>
      addEventListener('submit', (event) => { window.wasPrevented = event.defaultPrevented; event.preventDefault() }),
    )
    await page.click('#signup button')
    await site.events(atLeast('form', 1))
    assert.equal(await page.evaluate(() => wasPrevented), false)
    assert.ok((await page.url()).endsWith('home?allow'))
  }))
