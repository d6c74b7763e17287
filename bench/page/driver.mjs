// Visits the page in Chromium, each time with a profile of its own, the ways taking turns, and prints one JSON line per visit.
import { setTimeout as pause } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'

const settleMs = 500

const [origin, rounds, ...ways] = process.argv.slice(2)

const browser = await puppeteer.launch({
  headless: true,
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

/** Whether each way asks by now; cheap, since it is asked again and again while the page is measured. */
const asked = {
  without: () => true,
  'vanilla-cookieconsent': () => !!document.querySelector('#cc-main .cm'),
}
const heedAsks = () => !!document.querySelector('div[lang]')?.shadowRoot

/** What the page itself knows of its loading, in ms. */
const observed = async () => {
  const entries = (type) => new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => resolve(list.getEntries()))
    observer.observe({ type, buffered: true })
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(observer.takeRecords())))
  })
  const [navigation] = performance.getEntriesByType('navigation')
  const largest = (await entries('largest-contentful-paint')).at(-1)
  return {
    ready: navigation.domContentLoadedEventEnd,
    load: navigation.loadEventEnd,
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    largest: largest?.startTime ?? 0,
    largestIs: largest?.element?.id ?? '',
    shifts: (await entries('layout-shift')).reduce((sum, { value }) => sum + value, 0),
    longTasks: (await entries('longtask')).length,
    ran: window.ran,
  }
}

/** A yes to everything, and how to know that it is kept. */
const accept = {
  without: () => true,
  'vanilla-cookieconsent': () => CookieConsent.acceptCategory('all') ?? true,
}
const heedAccept = () => heed('consent', 'allow') ?? true
const heedKept = () => /\bheed=1\.0f\.\d+\.[\da-f]{8}\../.test(document.cookie) // sealed

/** Loads a page and returns what it has cost. The thread's CPU time: others may want the core meanwhile. */
async function load(page, session, url, ready) {
  await page.goto(url, { waitUntil: 'load' })
  await page.waitForFunction(ready, { polling: 50 })
  await pause(settleMs) // what comes after loading belongs to the cost
  const seen = await page.evaluate(observed)
  const { metrics } = await session.send('Performance.getMetrics') // since the navigation
  const ms = (...names) => metrics.reduce((sum, { name, value }) => (names.includes(name) ? sum + value * 1000 : sum), 0)
  return { ...seen, tasks: ms('TaskDuration'), script: ms('ScriptDuration'), layout: ms('LayoutDuration', 'RecalcStyleDuration') }
}

/** A visitor's first page, and the next one after a yes to everything. */
async function visit(way) {
  const context = await browser.createBrowserContext()
  try {
    const page = await context.newPage()
    await page.setViewport({ width: 1280, height: 800 })
    const session = await page.createCDPSession()
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    const url = `${origin}/page/${way}`
    const first = await load(page, session, url, asked[way] ?? heedAsks)
    await page.waitForFunction(accept[way] ?? heedAccept)
    await page.waitForFunction(accept[way] ? () => true : heedKept, { polling: 50 })
    return { first, next: await load(page, session, `${url}?next`, () => true) }
  } finally {
    await context.close()
  }
}

try {
  const version = await browser.version()
  for (const way of ways) await visit(way) // warms up what is shared by all profiles
  for (let round = 0; round < +rounds; round++) {
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(round + i) % ways.length] // nobody always follows the same other
      for (const [at, seen] of Object.entries(await visit(way))) console.log(JSON.stringify({ at, way, version, ...seen }))
    }
  }
} finally {
  await browser.close()
}
