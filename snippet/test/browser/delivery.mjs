import assert from 'node:assert/strict'
import { atLeast, loaded, ofKind, stored, test, visit } from './harness.mjs'

const expectErrors = true // browsers print every 4xx and 5xx themselves

test('what a 503 refused is sent again under the same ids, not before Retry-After', () =>
  visit('retry', async (site) => {
    await site.answers({ status: 503, retryAfter: '2' })
    await site.open('home?allow')
    const [first, second] = await site.batches(2)
    assert.deepEqual([first.status, second.status], [503, 202])
    assert.deepEqual(second.body.events.map((e) => e.id), first.body.events.map((e) => e.id))
    assert.equal(first.body.retried, undefined)
    assert.equal(second.body.retried, true)
    assert.ok(second.at - first.at >= 2000, `after ${second.at - first.at} ms`)
  }, { expectErrors }))

test('a 4xx is final', () =>
  visit('final', async (site) => {
    await site.answers({ status: 403 })
    const page = await site.open('home?allow')
    await site.batches(1)
    await page.waitForFunction(() => true)
    await page.evaluate(() => heed('event', 'next'))
    const events = await site.events(atLeast('custom', 1))
    assert.equal(ofKind(events, 'page').length, 1)
    assert.equal((await site.problems()).filter((text) => text.includes('[heed]')).length, 1)
  }, { expectErrors }))

test('what waits out a pause survives a reload', () =>
  visit('survive', async (site) => {
    await site.answers({ status: 503, retryAfter: '600' })
    const page = await site.open('home?allow')
    const [{ body }] = await site.batches(1)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100))) // the 503 has been read
    await page.evaluate(() => heed('event', 'waits'))
    await page.goto(site.url('second'))
    await site.events(atLeast('custom', 1))
    const batches = await site.batches(0)
    const again = batches.filter((batch) => batch.body.events.some((event) => event.id === body.events[0].id))
    assert.deepEqual(again.map((batch) => [batch.status, batch.body.retried]), [[503, undefined], [202, true]])
    assert.equal((await stored(page)).keys.includes('heed.survive.q'), false)
  }, { expectErrors }))

test('more than a batch holds is split, and no event is lost or doubled', () =>
  visit('split', async (site) => {
    const page = await site.open('home?allow')
    await loaded(page)
    await page.evaluate(() => {
      for (let i = 0; i < 90; i++) heed('event', `n${i}`, { text: '\u20ac'.repeat(300) })
    })
    const events = await site.events(atLeast('custom', 90))
    assert.equal(new Set(ofKind(events, 'custom').map((event) => event.name)).size, 90)
    assert.equal(ofKind(events, 'custom').length, 90)
    assert.equal([...ofKind(events, 'custom')[0].props.text].length, 256)
    for (const { batch } of events) assert.ok(batch.body.events.length <= 50)
  }))

test('what waits when the page is closed leaves by beacon', () =>
  visit('closing', async (site) => {
    const page = await site.open('home?allow')
    await site.events(atLeast('page', 1))
    await page.evaluate(() => heed('event', 'last words'))
    await page.close({ runBeforeUnload: true })
    const events = await site.events((all) => atLeast('custom', 1)(all) && atLeast('engagement', 1)(all))
    assert.equal(ofKind(events, 'custom').length, 1)
  }))

test('an answer that sets the choice of before once more does not undo a later one', () =>
  visit('renewed', async (site) => {
    const page = await site.open('home?allow')
    await page.waitForFunction(() => /\.[\w-]{22}$/.test(document.cookie))
    await page.evaluate(() => {
      const before = document.cookie
      heed('consent', 'refuse')
      document.cookie = `${before}; Path=/` // as an answer does that was under way
    })
    await page.waitForFunction(() => /=1\.01\./.test(document.cookie))
  }))
