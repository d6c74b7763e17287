import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import puppeteer from 'puppeteer-core'

const { HEED_PAGES: pages, HEED_COLLECTOR: collector, HEED_CHROMIUM: executablePath } = process.env

let browser
let profile

export async function launch() {
  profile = await mkdtemp(join(tmpdir(), 'heed-snippet-'))
  browser = await puppeteer.launch({
    executablePath,
    userDataDir: profile,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--enable-features=BackForwardCache',
    ],
  })
}

export async function close() {
  await browser?.close()
  if (profile) await rm(profile, { recursive: true, force: true, maxRetries: 5 })
}

/** Runs fn with a visitor of their own (a fresh cookie jar) on a site of their own. Fails on any error in the page. */
export async function visit(key, fn, { expectErrors = false } = {}) {
  const context = await browser.createBrowserContext()
  const problems = []
  const open = async (path = 'home', before) => {
    const page = await context.newPage()
    page.on('pageerror', (error) => problems.push(`page error: ${error.message}`))
    page.on('console', (message) => problems.push(`console: ${message.type()}: ${message.text()}`))
    if (before) await page.evaluateOnNewDocument(before)
    await page.bringToFront()
    await page.goto(`${pages}/${key}/${path}`)
    return page
  }
  const site = {
    key,
    cookie: `heed_${key}`,
    url: (path) => `${pages}/${key}/${path}`,
    open,
    problems,
    context,
    /** Waits until the collector was sent at least count batches; returns all. */
    batches: async (count) => (await fetch(`${collector}/control/${key}/batches?count=${count}`)).json(),
    /** Waits until it was sent events that pass; returns all so far, each with its batch, doubles as first seen. */
    async events(passes) {
      for (let count = 0; ; ) {
        const batches = await site.batches(count)
        const all = batches.flatMap((batch) => batch.body.events.map((event) => ({ ...event, batch })))
        const events = all.filter((event, i) => all.findIndex((other) => other.id === event.id) === i)
        events.sort((a, b) => a.created - b.created) // batches overtake each other
        if (passes(events)) return events
        if (batches.length < count) throw new Error(`not sent in time; was sent: ${JSON.stringify(events, null, 1)}`)
        count = batches.length + 1
      }
    },
    async answers(...answers) {
      await fetch(`${collector}/control/${key}/answers`, { method: 'POST', body: JSON.stringify(answers) })
    },
  }
  try {
    await fn(site)
    if (!expectErrors && problems.length) throw new Error(problems.join('\n'))
  } finally {
    await context.close()
  }
}

/** Waits until heed is the real one. */
export const loaded = (page) => page.waitForFunction(() => window.heed && 'consent' in heed)

export const ofKind = (events, kind) => events.filter((event) => event.kind === kind)

export const atLeast = (kind, count) => (events) => ofKind(events, kind).length >= count

/** What the page's origin keeps in the browser. */
export const stored = (page) =>
  page.evaluate(() => ({ cookie: document.cookie, keys: Object.keys(localStorage), session: sessionStorage.length }))

export const idle = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
