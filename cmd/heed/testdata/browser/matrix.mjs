// Visits a site from many places in one engine, with and without signals, and makes every kind of choice:
//
//	HEED_ENGINE=firefox node matrix.mjs <address of the site> <JSON list of visitors, each a list of visits>
//
// A visit is a path like /at/firefox/US-CA/gpc: from it the site (matrix_site_test.go) knows where the visit comes from and
// which signals it sends.
import { engine, launchEngine } from '../../../../snippet/test/browser/engines.mjs'

/** What engines print where a page is left while it fetches a notice. That it can be fetched is seen by notice(). */
const leaving = {
  chromium: /\[heed\].*TypeError: Failed to fetch/,
  firefox: /\[heed\] TypeError: NetworkError when attempting to fetch resource/,
}[engine]

const atOnce = engine === 'webkit' ? 2 : 4
const [site, list] = process.argv.slice(2)
const waiting = JSON.parse(list)
const browser = await launchEngine({ cached: false }) // no process per page view
try {
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let visits = waiting.shift(); visits; visits = waiting.shift()) await come(visits)
  }))
} finally {
  await browser.close()
}

/** One visitor, who comes some times and is forgotten each time. */
async function come(visits) {
  const problems = []
  const visitor = await browser.visitor()
  const page = await visitor.open((problem) => problems.push(problem))
  for (const visit of visits) {
    await drive(page, visit).catch((error) => { throw new Error(visit, { cause: error }) })
    const failed = problems.filter((problem) => /page error|\[heed\]/.test(problem) && !leaving?.test(problem))
    if (failed.length) throw new Error(`${visit}: ${failed.join('\n')}`)
  }
  await visitor.close()
}

/** A look around before any choice; then, each time from the beginning, one choice and a look around. */
async function drive(page, visit) {
  await look(page, `${visit}/before`)
  await notice(page) // a page that is left while it fetches one says so
  for (const choice of ['accept', 'refuse', 'custom']) {
    await page.goto(`${site}${visit}/ask-${choice}`) // what else the page before had to send leaves now
    await loaded(page)
    await settled(page, `${visit}/ask-${choice}`, 'page')
    await choose(page, choice)
    await look(page, `${visit}/${choice}`)
    await forget(page)
  }
}

/** Views a page, does something on it, and waits until what the page may send of that has been answered. */
async function look(page, path) {
  await page.goto(`${site}${path}?gclid=Click${path.replaceAll('/', '.')}`)
  await loaded(page)
  await page.evaluate(() => heed('event', 'looked'))
  await settled(page, path, 'custom')
}

/** Leaves the page, and all that it kept. */
async function forget(page) {
  await page.goto(`${site}/away`) // what else there was leaves now
  await page.evaluate(async () => {
    localStorage.clear()
    sessionStorage.clear()
    await fetch('/forget')
  })
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

/** Brings the notice up, also where nothing asks by itself. */
async function notice(page) {
  await page.evaluate(() => heed('consent', 'show'))
  await page.waitForFunction(() => [...document.querySelectorAll('div')].some((div) => div.shadowRoot?.querySelector('.card button')))
}

/** Chooses on the notice, as a visitor does, and waits until the choice is kept and the collector was told. */
async function choose(page, choice) {
  await notice(page)
  await page.evaluate((choice) => {
    const notice = [...document.querySelectorAll('div')].find((div) => div.shadowRoot?.querySelector('.card button')).shadowRoot
    const press = (...ids) => {
      const button = ids.map((id) => notice.querySelector(`button[data-id=${id}]`)).find(Boolean)
      button?.click()
      return !!button
    }
    if (choice === 'accept' && press('accept')) return
    if (choice === 'refuse' && press('reject', 'optout')) return
    press('choose')
    for (const box of notice.querySelectorAll('input:not(:disabled)')) {
      const wanted = choice === 'accept' || (choice === 'custom' && box.value === 'purpose.performance')
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
