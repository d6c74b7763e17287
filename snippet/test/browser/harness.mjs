// What all browser tests share: a visitor on a site, in whichever engine this process drives.
import assert from 'node:assert/strict'
import * as runner from 'node:test'
import { engine, exceptions, launchEngine } from './engines.mjs'

const { HEED_PAGES: pages, HEED_COLLECTOR: collector } = process.env

let browser
const excepted = { ...exceptions[engine] }

/** Runs all tests that are declared after this in one browser. */
export function inOneBrowser() {
  runner.before(async () => { browser = await launchEngine() })
  runner.after(() => browser?.close())
  if (!process.env.HEED_ONLY) runner.after(() => assert.deepEqual(Object.keys(excepted), [], 'exceptions for tests that there are not'))
}

/** Declares a test, unless this engine is excepted; then the reason is printed in its place. */
export function test(name, fn) {
  const skip = excepted[name] ?? false
  delete excepted[name]
  runner.test(name, { skip }, fn)
}

/** Runs fn with a visitor of their own (a fresh cookie jar) on a site of their own. Fails on any error in the page. */
export async function visit(key, fn, { expectErrors = false } = {}) {
  const visitor = await browser.visitor()
  const printed = []
  const tabs = []
  const control = (what, body) => fetch(`${collector}/control/${key}/${what}`, { method: 'POST', body })
  const open = async (path = 'home', before = () => {}) => {
    // Runs first in each page of this visit: the site itself brings it, as not every engine can.
    await control('before', `(${browser.recorder ?? (() => {})})();(${before})()`)
    const page = await visitor.open((problem) => printed.push(problem))
    tabs.push(page)
    await page.bringToFront()
    await page.goto(`${pages}/${key}/${path}`)
    return page
  }
  const problems = async () => {
    for (const page of tabs) await page.drain().catch(() => {}) // it may have been closed
    return printed
  }
  const site = {
    key,
    cookie: `heed_${key}`,
    url: (path) => `${pages}/${key}/${path}`,
    open,
    /** What the visitor's pages have printed, and where they failed. */
    problems,
    /** Waits until the collector was sent at least count batches; returns all. */
    batches: async (count) => (await fetch(`${collector}/control/${key}/events/batches?count=${count}`)).json(),
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
    /** The same of the batches that tell of a choice. */
    told: async (count) => (await fetch(`${collector}/control/${key}/told/batches?count=${count}`)).json(),
    answersToTold: (...answers) => control('told/answers', JSON.stringify(answers)),
    /** Where the collector sees this site's visitors, as US-CA. */
    place: (code) => control('place', code),
    async answers(...answers) {
      await control('events/answers', JSON.stringify(answers))
    },
  }
  try {
    await fn(site)
    if (!expectErrors) assert.equal((await problems()).join('\n'), '')
  } finally {
    await visitor.close()
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
