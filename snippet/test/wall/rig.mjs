// What the tests of the wall share: a visitor of the hostile shop, in whichever engine this process drives.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as runner from 'node:test'
import { launchPuppet } from '../browser/puppet.mjs'
import { launchWebKit } from '../browser/webkit.mjs'

export const { HEED_ENGINE: engine = 'chromium', HEED_SHOP: shop, HEED_TRACKER: tracker, HEED_CONTROL: control } = process.env

export const { test } = runner

let browser
let profile

/** Runs all tests that are declared after this in one browser, which takes any certificate and, in Chromium, third parties' cookies. */
export function inOneBrowser() {
  runner.before(async () => { browser = await (engine === 'webkit' ? launchWebKit({ acceptInsecureCerts: true }) : launch()) })
  runner.after(async () => {
    await browser?.close()
    if (profile) await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
}

async function launch() {
  if (engine === 'firefox') {
    return launchPuppet(engine, true, { acceptInsecureCerts: true, extraPrefsFirefox: { 'media.peerconnection.ice.loopback': true } })
  }
  profile = await mkdtemp(join(tmpdir(), 'heed-wall-'))
  await mkdir(join(profile, 'Default'))
  // Chrome's default; Debian's build blocks them.
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }))
  return launchPuppet(engine, true, { acceptInsecureCerts: true, userDataDir: profile, args: ['--ignore-certificate-errors'] })
}

/** Runs fn with a visitor of their own: a fresh jar. */
export async function visit(fn) {
  const visitor = await browser.visitor()
  try {
    await fn({
      async open(path) {
        const page = await visitor.open(() => {})
        await page.bringToFront()
        await page.goto(shop + path)
        return page
      },
    })
  } finally {
    await visitor.close()
  }
}

/**
 * Leads a page to another of the shop's, and waits until it is all there and ready. By the page itself: puppeteer waits in Firefox for
 * objects' frames that are there already.
 */
export async function go(page, path, ready = () => document.readyState === 'complete') {
  await page.evaluate((url) => { setTimeout(() => { location.href = url }) }, shop + path)
  await page.waitForFunction((url) => location.href === url, {}, shop + path)
  await page.waitForFunction(ready)
}

/** What has arrived in a run, as soon as that many kinds did at others' hosts and at the shop's own. */
export const arrived = async (run, others = 0, own = 0) => (await fetch(`${control}/runs/${run}?arrived=${others}&own=${own}`)).json()

/** Hands what was seen of a run to the test that judges it. */
export const saw = (run, seen) => fetch(`${control}/runs/${run}`, { method: 'POST', body: JSON.stringify(seen) })

/** What the browser keeps for the shop beside the choice; to be asked on its page without a tag. */
export const kept = (page) =>
  page.evaluate(async () => [
    ...document.cookie.split('; ').filter((pair) => pair && !/^heed_[^.]*=/.test(pair)).map((pair) => `cookie ${pair.split('=')[0]}`),
    ...Object.keys(localStorage).map((name) => `local ${name}`),
    ...Object.keys(sessionStorage).map((name) => `session ${name}`),
    ...(await indexedDB.databases()).map(({ name }) => `idb ${name}`),
    ...(await caches.keys()).map((name) => `cache ${name}`),
    ...(await navigator.serviceWorker.getRegistrations()).map(({ scope }) => `worker ${scope}`),
  ])

/** Waits until the scripts that the tag brings are there. */
export const loaded = (page) => page.waitForFunction(() => window.heed && 'consent' in heed)

/** Waits until the page has been loaded once more by itself, and is all there. */
export const reloaded = (page) =>
  page.waitForFunction(() => performance.getEntriesByType('navigation')[0].type === 'reload' && document.readyState === 'complete')

/** What tests of a choice begin with: fn has a run of its own, and the addresses of its page with all that is declared. */
export const on = (name, strength, fn) =>
  test(`${name}: ${strength}`, () =>
    visit(async ({ open }) => {
      const run = `${name.replaceAll(/\W/g, '-')}.${strength}.${engine}`
      await fn({ open, run, declared: `/${strength}/declared?calm&run=${run}`, restless: `/${strength}/declared?run=${run}` })
    }))

/** Waits until the page has said that a choice has to wait. */
export const later = (page) => page.waitForFunction(() => said.some((text) => text.includes('counts from the next page')))

/** How the page came: "navigate", "reload" or "back_forward". */
export const came = (page) => page.evaluate(() => performance.getEntriesByType('navigation')[0].type)

/** Follows a link to a page where ads were allowed. */
export async function assertAds(page, path) {
  await go(page, path)
  await page.waitForFunction(() => ran.includes('ads-2'))
}

/** The names of the strengths that hold anything back. */
export const strengths = ['tag', 'sealed', 'header']

/** Those that traps are set under: all in one engine, and in the others that which most sites have, unless time is no matter. */
export const trapped = process.env.HEED_WALL === 'all' || engine === 'chromium' ? strengths : ['sealed']
