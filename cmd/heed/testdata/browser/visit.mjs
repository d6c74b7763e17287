// Visits the demo as a person would, in a real Chromium, and prints what it did as JSON:
//
//   node visit.mjs <demo address> <folder for screenshots>
//
// The time a page was engaged is bounded here, from outside and by this process's clock: what an action does happens
// between its call and the moment at which the page is seen to have done it.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import puppeteer from 'puppeteer-core'

const [demo, folder] = process.argv.slice(2)
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update --disable-sync --disable-blink-features=AutomationControlled'
const browser = await puppeteer.launch({
  executablePath: process.env.HEED_CHROMIUM || '/usr/bin/chromium',
  args: flags.split(' '),
})
mkdirSync(folder, { recursive: true })

const page = await browser.newPage()
await page.setViewport({ width: 1200, height: 900 })
await page.setUserAgent(
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
  { brands: [{ brand: 'Google Chrome', version: '143' }], platform: 'Linux', platformVersion: '', architecture: '', model: '', mobile: false },
)

const sent = [] // every request that could have told the collector something
const answers = []
const errors = []
page.on('request', (request) => {
  if (request.method() === 'POST' && !request.url().startsWith(demo)) sent.push(request)
})
page.on('response', (response) => {
  if (sent.includes(response.request())) answers.push(response.status())
})
page.on('pageerror', (error) => errors.push(String(error)))
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))

const did = { views: [], forms: 0, events: 0, silent: 0 }

// events are those that the page has sent so far, each batch read once.
function events() {
  return sent.flatMap((request) => JSON.parse(request.postData() ?? '{"events":[]}').events)
}

// until waits for something that the page does, not for time to pass.
async function until(what, condition) {
  for (const deadline = Date.now() + 15_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

// seen waits for the n-th page view, which the last action began, and with which the view before it ended.
async function seen(path) {
  const n = did.views.length
  await until(`page view ${n} of ${path}`, () => events().filter((e) => e.kind === 'page').length > n)
  const began = { from: acted, to: Date.now() }
  if (n) end(began.to)
  did.views.push({ path, began, behind: { least: 0, most: 0 } })
}

// end completes the last view, which the last action ended before now.
function end(now) {
  const { began, behind, ...view } = did.views.at(-1)
  view.least = acted - began.to - behind.most
  view.most = now - began.from - behind.least
  did.views[did.views.length - 1] = view
}

// stay is a person who reads: the only pause that is meant.
const stay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// act does what begins or ends a view, and notes since when it may have happened.
let acted
async function act(how) {
  acted = Date.now()
  await how()
}

// shows waits until the page is, or is not, what the person looks at.
const shows = (page, shown) =>
  until(shown ? 'the page in front' : 'the page behind', async () =>
    shown === (await page.evaluate(() => document.visibilityState === 'visible' && document.hasFocus())))

const link = (path) => act(() => page.click(`main a[href="${path}"], header a[href="${path}"]`))

// Before an answer nothing is sent and nothing stored.
await page.goto(`${demo}/?utm_source=newsletter&utm_medium=email&utm_campaign=spring`, { waitUntil: 'networkidle0' })
await page.waitForFunction(() => window.heed?.consent)
await page.waitForSelector('>>> [data-id=accept]', { visible: true })
await stay(300)
did.silent = sent.length
did.stored = await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage))
await page.screenshot({ path: join(folder, 'demo.png') })

// The grant; then pages that load.
await act(() => page.click('>>> [data-id=accept]')) // in the notice
await seen('/')
await stay(700)
await link('/pricing')
await seen('/pricing')
await page.click('#billing')
did.events++
await stay(400)
const hidden = Date.now()
const other = await browser.newPage() // another tab in front: this time does not count
await other.bringToFront()
await shows(page, false)
const behind = Date.now()
await stay(1500)
const back = Date.now()
await page.bringToFront()
await other.close()
await shows(page, true)
did.views.at(-1).behind = { least: back - behind, most: Date.now() - hidden }
await stay(300)

// The journal changes routes without loading.
await link('/blog')
await seen('/blog')
await stay(300)
await link('/blog/reading-a-dry-down')
await seen('/blog/reading-a-dry-down')
await stay(500)
await act(() => page.goBack())
await seen('/blog')
await stay(200)

// The form; what is typed must not leave the page but to its own site.
await link('/signup')
await seen('/signup')
await page.type('#name', 'Wilhelmina Quux')
await page.type('#email', 'wilhelmina.quux@mail.example')
await stay(200)
await act(() => page.click('#signup [type=submit]'))
did.forms++
await seen('/thanks')
await stay(400)
await act(() => page.click('footer a[href="/numbers"]'))
await seen('/numbers')
await page.waitForFunction(() => document.querySelectorAll('#tables table').length > 0)
await page.waitForFunction(() => /[1-9]/.test(document.querySelector('#totals').textContent))
await stay(1200)
await page.screenshot({ path: join(folder, 'numbers.png'), fullPage: true })
did.errors = errors.slice()
await act(() => page.goto(`${demo}/static/icon.svg`)) // a document without the tag
end(Date.now())
await until('all answers', () => answers.length >= sent.length - 1) // a beacon's answer may come after its page is gone
// A browser that is closed at once takes its beacons with it: the last one must have arrived.
await until('the last beacon', async () => {
  const numbers = await (await fetch(`${demo}/numbers.json?tz=UTC`)).json()
  return numbers.pages.rows.some((row) => row.path === '/numbers' && row.engaged_ms > 0)
})

did.answers = [...new Set(answers)]
await browser.close()
console.log(JSON.stringify(did))
