import assert from 'node:assert/strict'
import { atLeast, idle, loaded, ofKind, test, visit } from './harness.mjs'

test('routes of a single-page application are views', () =>
  visit('routes', async (site) => {
    const page = await site.open('home?allow')
    await loaded(page)
    await page.evaluate(() => {
      history.pushState(null, '', 'prices')
      history.pushState(null, '', 'prices') // the same address is no view
      history.replaceState(null, '', 'prices?sort=up') // nor is a tidied query
      history.pushState(null, '', '#part') // nor is a fragment
      history.pushState(null, '', 'prices?page=2')
      history.replaceState(null, '', 'moved')
    })
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => location.hash === '#part')
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => !location.hash)
    const events = await site.events(atLeast('page', 5))
    const paths = ofKind(events, 'page').map((event) => event.url.replace(site.url(''), ''))
    assert.deepEqual(paths, ['home?allow', 'prices', 'prices?page=2', 'moved', 'prices?sort=up'])
    assert.equal(ofKind(events, 'page')[1].referrer, site.url('home?allow'))
  }))

test('routes in the fragment are views where they are switched on', () =>
  visit('hash', async (site) => {
    const page = await site.open('app?allow#/start')
    await loaded(page)
    await page.evaluate(() => (location.hash = '#/prices?token=1'))
    await site.events(atLeast('page', 2))
    await page.evaluate(() => (location.hash = '#anchor'))
    await page.evaluate(() => heed('event', 'end'))
    const events = await site.events(atLeast('custom', 1))
    const paths = ofKind(events, 'page').map((event) => event.url.replace(site.url(''), ''))
    assert.deepEqual(paths, ['app%23/start?allow', 'app%23/prices?allow', 'app?allow'])
  }))

test('engaged time is the time in which the page is visible and has the focus', () =>
  visit('engaged', async (site) => {
    const page = await site.open('home')
    await loaded(page)
    const other = await site.open('')
    await page.bringToFront()
    // The test's own measure, on its own clock: what an action does happens between its call and its return, or until
    // the page is seen to have done it.
    const during = async (action) => {
      const from = Date.now()
      await action()
      return { from, to: Date.now() }
    }
    const bringToFront = (tab, shown) => during(async () => {
      await tab.bringToFront()
      const deadline = Date.now() + 15_000
      while ((await page.evaluate(() => document.visibilityState === 'visible' && document.hasFocus())) !== shown) {
        assert.ok(Date.now() < deadline, shown ? 'the page never came in front' : 'the page stayed in front')
        await idle(10)
      }
    })
    const began = await during(async () => {
      await page.evaluate(() => heed('consent', 'allow'))
      await site.events(atLeast('page', 1))
    })
    await idle(900)
    const hidden = await bringToFront(other, false)
    await idle(1200)
    const shown = await bringToFront(page, true)
    await idle(700)
    const routed = await during(() => page.evaluate(() => history.pushState(null, '', 'second')))
    await idle(600)
    const left = await during(() => page.goto('about:blank'))

    const lastIn = (all) => all.some((event) => event.view && event.view === ofKind(all, 'page')[1]?.id)
    const events = await site.events(lastIn)
    const [first, second] = ofKind(events, 'page').map((view) =>
      Math.max(...events.filter((event) => event.view === view.id).map((event) => event.engaged)),
    )
    const within = (got, ...spans) => {
      const least = spans.reduce((sum, [start, end]) => sum + end.from - start.to, -20)
      const most = spans.reduce((sum, [start, end]) => sum + end.to - start.from, 20)
      assert.ok(got >= least && got <= most, `engaged = ${got} ms, want ${least} to ${most}`)
    }
    within(first, [began, hidden], [shown, routed])
    within(second, [routed, left])
  }))

test('a page from the back-forward cache is a new view', () =>
  visit('bfcache', async (site) => {
    const page = await site.open('home?allow')
    await site.events(atLeast('page', 1))
    await page.waitForFunction(() => /\.[\w-]{22}$/.test(document.cookie)) // no request is open
    await page.evaluate(() => { window.same = true })
    await page.goto(site.url('second'))
    await site.events(atLeast('page', 2))
    await page.evaluate(() => history.back())
    await page.waitForFunction(() => window.same) // it was cached
    const views = ofKind(await site.events(atLeast('page', 3)), 'page')
    assert.equal(views[2].url, views[0].url)
    assert.notEqual(views[2].id, views[0].id)
  }))

test('calls before the script is there are replayed', () =>
  visit('early', async (site) => {
    await site.open('home?early')
    const [custom] = ofKind(await site.events(atLeast('custom', 1)), 'custom')
    assert.equal(custom.name, 'early')
    assert.deepEqual(custom.props, { n: '1' })
  }))

test('a tag that is pasted twice counts once', () =>
  visit('twice', async (site) => {
    const page = await site.open('home?twice&allow')
    await loaded(page)
    await site.events(atLeast('page', 1))
    await page.evaluate(() => heed('event', 'end'))
    const events = await site.events(atLeast('custom', 1))
    assert.equal(ofKind(events, 'page').length, 1)
    assert.equal(ofKind(events, 'custom').length, 1)
  }))

test('a prerendered page counts once it is shown', () =>
  visit('prerender', async (site) => {
    const page = await site.open('home?allow', () =>
      Object.defineProperty(document, 'prerendering', { value: true, configurable: true }),
    )
    await page.waitForFunction(() =>
      performance.getEntriesByType('resource').some((entry) => /[0-9a-f]{20}.js$/.test(entry.name)),
    )
    assert.equal(await page.evaluate(() => 'consent' in heed), false)
    assert.deepEqual(await site.batches(0), [])
    await page.evaluate(() => document.dispatchEvent(new Event('prerenderingchange')))
    const events = await site.events(atLeast('page', 1))
    assert.equal(events.length, 1)
  }))
