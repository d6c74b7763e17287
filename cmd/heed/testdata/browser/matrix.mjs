// Visits a site from many places in one engine, with and without signals, and makes every kind of choice:
//
//	HEED_ENGINE=firefox node matrix.mjs <address of the site> <JSON list of visits, each a path like /at/firefox/US-CA/gpc>
//
// The site (matrix_site_test.go) knows from the path where a visit comes from and which signals it sends.
import { launchEngine } from '../../../../snippet/test/browser/engines.mjs'

const atOnce = process.env.HEED_ENGINE === 'webkit' ? 2 : 4
const [site, list] = process.argv.slice(2)
const waiting = JSON.parse(list)
const browser = await launchEngine()
try {
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let visit = waiting.shift(); visit; visit = waiting.shift()) {
      await drive(visit).catch((error) => { throw new Error(visit, { cause: error }) })
    }
  }))
} finally {
  await browser.close()
}

/** One visitor: a look around before any choice; then, each time from the beginning, one choice and a look around. */
async function drive(visit) {
  const problems = []
  const visitor = await browser.visitor()
  const page = await visitor.open((problem) => problems.push(problem))
  await look(page, `${visit}/before`)
  for (const choice of ['accept', 'refuse', 'custom']) {
    await page.goto(`${site}${visit}/ask-${choice}`)
    await loaded(page)
    await settled(page, `${visit}/ask-${choice}`, 'page')
    await choose(page, choice)
    await look(page, `${visit}/${choice}`)
    await page.goto(`${site}/forget`)
  }
  await visitor.close()
  const failed = problems.filter((problem) => /page error|\[heed\]/.test(problem))
  if (failed.length) throw new Error(failed.join('\n'))
}

/** Views a page, does something on it, and waits until what the page may send of that has been answered. */
async function look(page, path) {
  await page.goto(`${site}${path}?gclid=Click${path.replaceAll('/', '.')}`)
  await loaded(page)
  await page.evaluate(() => heed('event', 'looked'))
  await settled(page, path, 'custom')
  await page.goto(`${site}/away`) // what else there was leaves now
}

function loaded(page) {
  return page.waitForFunction(() => window.heed && 'consent' in heed)
}

/** Waits until the collector has answered an event of this kind, and a signal that is a choice, if the page may send any. */
async function settled(page, path, kind) {
  if (!(await page.evaluate(() => heed.consent.performance))) return
  const answer = await fetch(`${site}/answered?path=${path}&kind=${kind}`)
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  // Until the collector was told, each page tells it anew.
  if (!path.includes('/none/')) await page.waitForFunction(() => /heed\w*=1\.[0-389ab]/.test(document.cookie))
}

/** Chooses on the notice, as a visitor does, and waits until the choice is kept and the collector was told. */
async function choose(page, choice) {
  await page.evaluate(() => heed('consent', 'show')) // where nothing asks by itself, too
  await page.waitForFunction(() => [...document.querySelectorAll('div')].some((div) => div.shadowRoot?.querySelector('button')))
  await page.evaluate((choice) => {
    const notice = [...document.querySelectorAll('div')].find((div) => div.shadowRoot?.querySelector('button')).shadowRoot
    const press = (...ids) => {
      const button = ids.map((id) => notice.querySelector(`button[data-id=${id}]`)).find(Boolean)
      button?.click()
      return !!button
    }
    if (choice === 'accept' && press('accept')) return
    if (choice === 'refuse' && press('reject', 'optout')) return
    press('choose')
    for (const box of notice.querySelectorAll('input:not(:disabled)')) {
      const wanted = choice === 'accept' || (choice === 'custom' && box.getAttribute('aria-describedby') === 'performance')
      if (box.checked !== wanted) box.click()
    }
    if (!press('save')) throw new Error(`no button to save: ${notice.textContent}`)
  }, choice)
  await page.waitForFunction((grants) => {
    const told = /heed\w*=1\.[0-389ab]/.test(document.cookie)
    const ofOptOut = /heed\w*=1\.[89a-f]/.test(document.cookie) // grants nothing that was not granted, hence has no seal
    return told && (ofOptOut || /\.[\w-]{22}(;|$)/.test(document.cookie) === grants)
  }, {}, choice !== 'refuse').catch(async (error) => {
    throw new Error(`${choice}: ${await page.evaluate(() => document.cookie)}`, { cause: error })
  })
}
