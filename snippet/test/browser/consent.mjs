import assert from 'node:assert/strict'
import { atLeast, loaded, ofKind, stored, test, visit } from './harness.mjs'

const empty = { cookie: '', keys: [], session: 0 }

test('nothing is stored or sent before permission', () =>
  visit('before', async (site) => {
    const page = await site.open()
    await loaded(page)
    await page.evaluate(() => heed('event', 'ignored'))
    await page.evaluate(() => history.pushState(null, '', 'next'))
    assert.deepEqual(await stored(page), empty)
    assert.deepEqual(await page.evaluate(() => ({ ...heed.consent })), {
      answered: false, functional: false, performance: false, advertising: false,
    })
    await page.goto(site.url('away')) // whatever waited would leave now
    await loaded(page)
    assert.deepEqual(await site.batches(0), [])
    assert.deepEqual(await stored(page), empty)
  }))

test('a refusal is kept, and nothing else', () =>
  visit('refuse', async (site) => {
    const page = await site.open()
    await loaded(page)
    await page.evaluate(() => heed('consent', 'refuse'))
    await page.waitForFunction(() => /^heed_refuse=1\.01\.\d{5}\.0a1b2c3d$/.test(document.cookie))
    assert.deepEqual((await stored(page)).keys, [])
    const [{ body, lane }] = await site.told(1)
    assert.equal(lane, 'urgent')
    assert.deepEqual([body.consent.event, body.consent.method, body.events], ['reject', 'api', []])
    assert.match(body.choice, /^1\.01\./)
    assert.deepEqual([body.visitor, body.consent.ends, body.consent.shown], [undefined, undefined, undefined])
    await page.goto(site.url('next'))
    await loaded(page)
    assert.equal(await page.evaluate(() => heed.consent.answered), true)
    await page.goto('about:blank')
    assert.deepEqual(await site.batches(0), [])
    assert.equal((await site.told(0)).length, 1)
  }))

test('a grant sends the page, and the seal replaces the choice', () =>
  visit('allow', async (site) => {
    const page = await site.open('home?utm_source=letter&token=1#part')
    await loaded(page)
    await page.evaluate(() => {
      window.states = []
      document.addEventListener('heed:consent', (event) => states.push(event.detail.performance))
      heed('consent', 'allow')
    })
    const [view] = await site.events(atLeast('page', 1))
    assert.equal(view.url, site.url('home?utm_source=letter&token=1'))
    assert.equal(view.batch.lane, 'ordinary')
    assert.equal(view.batch.contentType, 'text/plain;charset=UTF-8')
    assert.match(view.id, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    assert.match(view.batch.body.visitor, /^[\da-f]{32}$/)
    // Its record comes first, by itself, and its id is the one in the seal.
    const [{ body }] = await site.told(1)
    assert.deepEqual([body.consent.event, body.events], ['accept', []])
    assert.match(body.choice, /^1\.0f\.\d{5}\.0a1b2c3d$/)
    assert.ok(view.batch.body.choice.startsWith(`${body.choice}.${body.consent.id.replaceAll('-', '')}.`))
    await page.waitForFunction(() => /^\S+=1\.0f\.\d{5}\.0a1b2c3d\.[\da-f]{32}\.[\w-]{22}$/.test(document.cookie))
    assert.deepEqual(await page.evaluate(() => states), [true])
    assert.deepEqual((await stored(page)).keys, ['heed.allow'])

    await page.evaluate(() => { location.href = 'second' })
    const events = await site.events(atLeast('page', 2))
    const second = ofKind(events, 'page')[1]
    assert.equal(second.batch.body.visitor, view.batch.body.visitor)
    assert.equal(second.referrer, site.url('home?utm_source=letter&token=1'))
    assert.match(second.batch.body.choice, /\.[\w-]{22}$/)
  }))

test('a category that is not named is refused', () =>
  visit('partial', async (site) => {
    const page = await site.open()
    await loaded(page)
    await page.evaluate(() => heed('consent', { performance: true, advertising: 'yes' }))
    await site.events(atLeast('page', 1))
    assert.deepEqual(await page.evaluate(() => ({ ...heed.consent })), {
      answered: true, functional: false, performance: true, advertising: false,
    })
    await page.evaluate(() => { 'use strict'; try { heed.consent.advertising = true } catch {} })
    await page.evaluate(() => { try { heed.consent = { advertising: true } } catch {} })
    assert.equal(await page.evaluate(() => heed.consent.advertising), false)
  }))

test('a withdrawal stops, clears, and tells the collector once', () =>
  visit('withdraw', async (site) => {
    const page = await site.open('home?allow')
    const other = await site.open('other')
    await site.events(atLeast('page', 2))
    assert.deepEqual((await stored(page)).keys, ['heed.withdraw'])
    await page.bringToFront()
    // The other tab goes, and reports its time; from here on nothing but the withdrawal may follow.
    const otherIn = (events) => events.some((event) => event.kind === 'engagement' && event.url.endsWith('other'))
    const before = (await site.events(otherIn)).length
    const cookie = await page.evaluate(() => {
      heed('event', 'too late') // still waits for others when the visitor withdraws
      heed('consent', 'refuse')
      return document.cookie
    })
    assert.match(cookie, /^heed_withdraw=1\.41\.\d{5}\.0a1b2c3d$/)
    await page.waitForFunction(() => /=1\.01\./.test(document.cookie)) // told
    assert.deepEqual((await stored(page)).keys, [])
    await other.bringToFront()
    await other.evaluate(() => { heed('event', 'other tab'); history.pushState(null, '', 'elsewhere') })
    await page.evaluate(() => { heed('event', 'later'); history.pushState(null, '', 'later') })
    await Promise.all([page.goto(site.url('end')), other.goto(site.url('end'))])
    const batches = await site.batches(0)
    const told = (await site.told(0)).filter((batch) => batch.body.consent.event !== 'accept')
    assert.equal(new Set(told.map((batch) => batch.body.consent.id)).size, 1) // either tab may tell it
    const [{ body, lane }] = told
    assert.match(body.choice, /^1\.01\./)
    assert.match(body.consent.ends, /^1\.0f\.\d{5}\.0a1b2c3d\.[\da-f]{32}\.[\w-]{22}$/)
    assert.deepEqual([body.consent.event, body.visitor, lane], ['withdraw', undefined, 'urgent'])
    const events = batches.flatMap((batch) => batch.body.events)
    assert.deepEqual(events.filter((event) => event.kind === 'custom'), [])
    assert.equal(new Set(ofKind(events, 'page').map((event) => event.id)).size, 2)
    assert.ok(events.length >= before)
  }))

test('a withdrawal that did not arrive is told on the next page', () =>
  visit('untold', async (site) => {
    const page = await site.open('home?allow')
    await site.events(atLeast('page', 1))
    await site.answersToTold({ status: 503, retryAfter: '600' })
    await page.evaluate(() => heed('consent', 'refuse'))
    await site.told(2)
    await page.goto(site.url('next'))
    await page.waitForFunction(() => /=1\.01\./.test(document.cookie))
    const [, first, second] = await site.told(3)
    assert.deepEqual([first.status, second.status], [503, 202])
    assert.deepEqual(second.body.consent, first.body.consent) // one event, whoever tells it
    assert.equal(first.body.consent.event, 'withdraw')
    assert.deepEqual((await stored(page)).keys, [])
  }, { expectErrors: true })) // Chromium itself prints the 503

test('an answer that seals an older choice does not undo a later one', () =>
  visit('late-seal', async (site) => {
    const page = await site.open()
    await loaded(page)
    await site.answersToTold({ status: 202, delayMs: 300 }, { status: 202, delayMs: 1000 })
    await page.evaluate(() => heed('consent', 'allow'))
    await site.told(1)
    await page.evaluate(() => heed('consent', { performance: true }))
    await site.told(2) // sent once the first was answered
    assert.match((await stored(page)).cookie, /=1\.45\.\d{5}\.0a1b2c3d$/)
    await page.waitForFunction(() => /=1\.05\.\d{5}\.0a1b2c3d\.[\da-f]{32}\./.test(document.cookie))
    const [, { body }] = await site.told(2)
    assert.ok((await stored(page)).cookie.includes(body.consent.id.replaceAll('-', '')))
  }))

test('signals travel, and so does that a program drives the browser; and a choice made in their sight counts', () =>
  visit('signals', async (site) => {
    const page = await site.open('home', () => {
      Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })
      Object.defineProperty(navigator, 'doNotTrack', { value: '1' })
    })
    await loaded(page)
    await page.evaluate(() => heed('consent', 'allow'))
    const [view] = await site.events(atLeast('page', 1))
    assert.match(view.batch.body.choice, /^1\.3f\./)
    assert.equal(view.batch.body.gpc, true)
    assert.equal(view.batch.body.dnt, true)
    assert.equal(view.batch.body.webdriver, true)
  }))

test('without consent an anonymous count sends views that say nothing else', () =>
  visit('anonymous1', async (site) => {
    const page = await site.open('home?utm_source=letter&token=secret', () => {
      Object.defineProperty(document, 'referrer', { value: 'https://search.example/?q=secret' })
      Object.defineProperty(navigator, 'webdriver', { value: false }) // as where a person sits
    })
    const [view] = await site.events(atLeast('page', 1))
    assert.equal(view.url, site.url('home?utm_source=letter'))
    assert.equal(view.referrer, 'https://search.example/')
    assert.deepEqual(await stored(page), empty)
    await page.evaluate(() => {
      document.cookie = 'id=secret; Path=/' // the collector's too: ports do not part cookies
      heed('event', 'ignored')
      history.pushState(null, '', 'second?token=secret')
    })
    const views = await site.events(atLeast('page', 2))
    assert.equal(views[1].url, site.url('second'))
    for (const { batch } of views) {
      assert.equal(batch.cookie, '')
      assert.deepEqual(Object.keys(batch.body).sort(), ['events', 'sent', 'v'])
    }
    assert.deepEqual(await stored(page), { ...empty, cookie: 'id=secret' })

    await page.evaluate(() => heed('consent', 'allow'))
    const events = await site.events(atLeast('engagement', 1))
    const first = ofKind(events, 'engagement')[0]
    assert.deepEqual(first.anonymous, views.map((event) => event.id))
    assert.equal(first.view, views[1].id)
    assert.equal(ofKind(events, 'page').length, 2) // no view is counted twice
  }))

test('an anonymous count says nothing of a choice that another tab has made', () =>
  visit('anonymous3', async (site) => {
    const page = await site.open()
    await site.events(atLeast('page', 1))
    await page.evaluate((cookie) => { document.cookie = cookie; history.pushState(null, '', 'next') }, // as another tab does, and its answer
      `${site.cookie}=1.0f.${Math.floor(Date.now() / 86400000)}.0a1b2c3d.${'ab'.repeat(16)}.${'A'.repeat(22)}; Path=/`)
    const events = await site.events(atLeast('page', 2))
    assert.deepEqual(events.map(({ batch }) => [batch.body.choice ?? '', batch.body.visitor ?? '']), [['', ''], ['', '']])
  }))

test('an anonymous count ends with a refusal', () =>
  visit('anonymous2', async (site) => {
    const page = await site.open()
    await site.events(atLeast('page', 1))
    await page.evaluate(() => heed('consent', 'refuse'))
    await page.evaluate(() => history.pushState(null, '', 'second'))
    await page.goto(site.url('third'))
    await loaded(page)
    assert.equal((await site.batches(0)).length, 1)
  }))
