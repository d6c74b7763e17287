// The consent modes of others, in whichever engine this process drives: what stands in each vendor's queue, and when it was said.
import assert from 'node:assert/strict'
import * as runner from 'node:test'
import { engine, launchEngine } from './engines.mjs'

const { HEED_PAGES: pages } = process.env

let browser
runner.before(async () => { browser = await launchEngine() })
runner.after(() => browser?.close())

const test = runner.test
/** What no engine has a part in: the same code with other numbers. */
const testCode = (name, fn) => runner.test(name, { skip: engine !== 'chromium' && 'in Chromium only: plain code decides it' }, fn)

/** Runs fn with a visitor of their own, on a site of that key. */
async function visit(key, fn) {
  const visitor = await browser.visitor()
  const open = async (query = '') => {
    const page = await visitor.open(() => {})
    await page.bringToFront()
    await page.goto(`${pages}/${key}/home${query}`)
    await page.waitForFunction(() => window.heed && 'consent' in heed)
    return page
  }
  try {
    await fn({ open, url: (query = '') => `${pages}/${key}/home${query}` })
  } finally {
    await visitor.close()
  }
}

/** What the queues hold, each command as an array; an entry of dataLayer that is no Arguments object says so. */
const queues = (page) =>
  page.evaluate(() => {
    const words = (entry) => (Object.prototype.toString.call(entry) === '[object Arguments]' ? [...entry] : ['no command', entry])
    return {
      google: dataLayer.map(words),
      uet: [...uetq],
      clarity: (clarity.q ?? []).map((entry) => [...entry]),
      meta: fbq.queue.map((entry) => [...entry]),
      wordpress: { type: window.wp_consent_type, said: window.said },
    }
  })

const all = (state) => Object.fromEntries(
  ['ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage', 'functionality_storage', 'personalization_storage', 'security_storage']
    .map((name) => [name, name === 'security_storage' ? 'granted' : state]),
)

/** What Google's tags would say with a hit that is made behind so many entries, of a visitor whom no region's default is for. */
function gcs(google, count = google.length) {
  const said = google.slice(0, count).filter(([command, , signals]) => command === 'consent' && !signals.region)
  const { ad_storage, analytics_storage } = said.reduce((before, [, , signals]) => ({ ...before, ...signals }), {})
  return `G1${ad_storage === 'granted' ? 1 : 0}${analytics_storage === 'granted' ? 1 : 0}`
}

const updates = (google) => google.filter(([command, what]) => command === 'consent' && what === 'update').length
const choose = (page, choice) => page.evaluate((choice) => heed('consent', choice), choice)
/** Waits until so many decisions have been told. */
const told = (page, count) =>
  page.waitForFunction((count) => dataLayer.filter(({ event }) => event === 'heed_consent_update').length >= count, {}, count)

test('defaults stand before anything that a tag says', () =>
  visit('defaults', async ({ open }) => {
    const { google, uet, clarity, meta, wordpress } = await queues(await open())
    assert.deepEqual(google[0], ['consent', 'default', { ...all('denied'), wait_for_update: 500 }])
    const tags = google.findIndex(([command]) => command === 'js')
    const regions = google.slice(1, tags - 1)
    assert.ok(regions.length > 0)
    for (const [command, what, { region }] of regions) assert.deepEqual([command, what, region.length > 0], ['consent', 'default', true])
    assert.deepEqual(google[tags - 1], ['set', { ads_data_redaction: true, url_passthrough: false }])
    assert.ok(regions.find(([, , { region }]) => region.includes('US'))[2].ad_storage === 'granted')
    assert.deepEqual(uet, ['consent', 'default', { ad_storage: 'denied' }, 'event', 'page_view', {}])
    assert.deepEqual(clarity, [['consentv2', { ad_Storage: 'denied', analytics_Storage: 'denied' }], ['set', 'a', 'b']])
    assert.deepEqual(meta, [
      ['consent', 'revoke'], ['dataProcessingOptions', ['LDU'], 0, 0], ['init', '1'], ['track', 'PageView'],
    ])
    assert.deepEqual(wordpress, { type: 'optin', said: [] })
  }))

/** Makes a choice, and returns what happened up to the end, in order. */
async function watch(page, choice, end) {
  await page.evaluate(() => { name = '' })
  await choose(page, choice)
  await page.waitForFunction((end) => name.split('\n').includes(end), {}, end)
  const lines = await page.evaluate(() => name.split('\n'))
  return lines.slice(0, lines.indexOf(end) + 1)
}

test('a decision is told once: behind its record, and before what it frees and before the page goes', () =>
  visit('order', async ({ open }) => {
    const page = await open('?watch')
    assert.deepEqual(await watch(page, 'allow', 'released'), [
      'cookie', 'record', 'google update', 'uet update', 'clarity consentv2', 'meta grant', 'google heed_consent_update', 'released',
    ])
    const { google, meta, wordpress } = await queues(page)
    assert.deepEqual(google.at(-2), ['consent', 'update', all('granted')])
    assert.deepEqual(google.at(-1), ['no command', { event: 'heed_consent_update', heed_consent: all('granted') }])
    assert.deepEqual(meta.slice(-2), [['consent', 'grant'], ['dataProcessingOptions', [], 0, 0]])
    assert.deepEqual(wordpress.said, [
      'functional allow', 'preferences allow', 'statistics allow', 'statistics-anonymous allow', 'marketing allow',
    ])
    // What is told meanwhile is told behind it: records go one after the other, and vendors need not wait for that.
    await page.waitForFunction(() => /heed\w*=1\.[0-389ab]/.test(document.cookie))
    // The answer to the choice sets its sealed text meanwhile.
    const withdrawn = (await watch(page, 'refuse', 'left')).filter((line, i, lines) => lines.indexOf(line) === i)
    assert.deepEqual(withdrawn, [
      'cookie', 'record', 'google update', 'uet update', 'clarity consentv2', 'meta revoke', 'google heed_consent_update', 'left',
    ])
  }))

test('a stored choice is told in the same breath as the defaults, before any tag', () =>
  visit('stored', async ({ open, url }) => {
    const page = await open()
    await choose(page, 'allow')
    await told(page, 1)
    await page.goto(url('?again'))
    await page.waitForFunction(() => window.heed && 'consent' in heed)
    const { google, uet, clarity, meta } = await queues(page)
    const tags = google.findIndex(([command]) => command === 'js')
    assert.deepEqual(google.slice(0, tags), [
      ['consent', 'default', { ...all('denied'), wait_for_update: 500 }],
      ['set', { ads_data_redaction: true, url_passthrough: false }],
      ['consent', 'update', all('granted')],
      ['no command', { event: 'heed_consent_update', heed_consent: all('granted') }],
    ])
    assert.equal(gcs(google, tags), 'G111')
    assert.equal(updates(google), 1)
    assert.deepEqual(uet.slice(0, 6), ['consent', 'default', { ad_storage: 'denied' }, 'consent', 'update', { ad_storage: 'granted' }])
    assert.deepEqual(clarity[0], ['consentv2', { ad_Storage: 'granted', analytics_Storage: 'granted' }])
    assert.deepEqual(meta.slice(0, 3), [['consent', 'grant'], ['dataProcessingOptions', [], 0, 0], ['init', '1']])
  }))

test('where the page names its place its own default holds, and no region', () =>
  visit('place', async ({ open }) => {
    const f = async (query, want) => {
      const { google, meta, wordpress } = await queues(await open(query))
      const tags = google.findIndex(([command]) => command === 'js')
      assert.equal(tags, 2, query)
      assert.equal(gcs(google, tags), want.gcs)
      assert.deepEqual(meta[0], ['consent', want.meta])
      assert.equal(wordpress.type, want.type)
    }
    await f('?timing=US-CA', { gcs: 'G111', meta: 'grant', type: 'optout' })
    await f('?timing=DE', { gcs: 'G100', meta: 'revoke', type: 'optin' })
    await f('?timing=US-CA&gpc', { gcs: 'G101', meta: 'revoke', type: 'optin' })
  }))

testCode('a signal leaves no region that grants', () =>
  visit('signal', async ({ open }) => {
    const { google } = await queues(await open('?gpc'))
    assert.deepEqual(google.filter(([, , signals]) => signals?.region), [])
  }))

testCode('a site for children grants nothing, anywhere', () =>
  visit('children', async ({ open }) => {
    const { google } = await queues(await open())
    assert.deepEqual(google.filter(([, , signals]) => signals?.region), [])
  }))

const choices = { G100: 'refuse', G101: { performance: true, functional: true }, G110: { advertising: true }, G111: 'allow' }
for (const [want, choice] of Object.entries(choices)) {
  testCode(`${want} is what Google hears of ${JSON.stringify(choice)}, by one update`, () =>
    visit(`choice-${want}`, async ({ open }) => {
      const page = await open()
      await choose(page, choice)
      await told(page, 1)
      const { google } = await queues(page)
      assert.deepEqual([gcs(google), updates(google)], [want, 1])
    }))
}

testCode('what another tab takes away is one update here, before the page goes; what it grants is told on the next', () =>
  visit('tabs', async ({ open }) => {
    const here = await open('?watch')
    const there = await open()
    await here.evaluate(() => { name = '' })
    await choose(there, 'allow')
    await told(there, 1)
    await here.waitForFunction(() => heed.consent.answered)
    assert.deepEqual((await queues(here)).google.filter(([, what]) => what === 'update'), [])
    await here.reload()
    await here.waitForFunction(() => window.heed && 'consent' in heed)
    assert.equal(gcs((await queues(here)).google), 'G111')
    await here.evaluate(() => { name = '' })
    await choose(there, 'refuse')
    await here.waitForFunction(() => name.split('\n').includes('left'))
    const lines = await here.evaluate(() => name.split('\n'))
    assert.deepEqual(lines.slice(0, lines.indexOf('left') + 1), [
      'google update', 'uet update', 'clarity consentv2', 'meta revoke', 'google heed_consent_update', 'left',
    ])
  }))

testCode('a category of which only some services are allowed is denied to vendors', () =>
  visit('services', async ({ open }) => {
    const page = await open()
    await choose(page, { performance: true, advertising: true, services: ['pixel'] })
    await told(page, 1)
    assert.equal(gcs((await queues(page)).google), 'G101')
  }))
