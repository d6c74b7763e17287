// Visits the test's site as a person would, in a real Chromium, and prints what it saw as JSON:
//
//   node visit.mjs https://example.com:<port> <address that the browser claims to come from>
//
// The name leads to this machine, where nginx listens with a certificate of the test's own.
import puppeteer from 'puppeteer-core'

const [site, forged] = process.argv.slice(2)
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update --disable-sync --disable-blink-features=AutomationControlled'
const browser = await puppeteer.launch({
  executablePath: process.env.HEED_CHROMIUM || '/usr/bin/chromium',
  acceptInsecureCerts: true,
  args: [...flags.split(' '), '--host-resolver-rules=MAP example.com 127.0.0.1'],
})
const page = await browser.newPage()
await page.setUserAgent(
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
  { brands: [{ brand: 'Google Chrome', version: '143' }], platform: 'Linux', platformVersion: '', architecture: '', model: '', mobile: false },
)
await page.setExtraHTTPHeaders({ 'X-Forwarded-For': forged, Forwarded: `for=${forged}` })

const did = { foreign: [], scripts: [], statuses: [], errors: [] }
const sent = []
const answered = new Set()
page.on('request', (request) => {
  if (/^(http|ws)/.test(request.url()) && new URL(request.url()).origin !== site) did.foreign.push(request.url())
  if (request.method() === 'POST') sent.push(request)
})
page.on('response', (response) => {
  const request = response.request()
  if (request.resourceType() === 'script') did.scripts.push(`${response.status()} ${response.headers()['content-encoding']}`)
  if (request.method() !== 'POST') return
  did.statuses.push(response.status())
  answered.add(request)
})
page.on('pageerror', (error) => did.errors.push(String(error)))
page.on('console', (message) => message.type() === 'error' && did.errors.push(message.text()))

// until waits for something that the page does, not for time to pass.
async function until(what, condition) {
  for (const deadline = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

// viewed waits until the n-th page view has been answered. Of what a page sends while it goes nobody may see an answer.
async function viewed(n) {
  const kinds = (request) => JSON.parse(request.postData() ?? '{"events":[]}').events.map((event) => event.kind)
  await until(`page view ${n}`, () => sent.filter((r) => answered.has(r) && kinds(r).includes('page')).length >= n)
}

await page.goto(site, { waitUntil: 'networkidle0' })
await page.waitForFunction(() => window.heed?.consent)
did.silent = sent.length
await page.evaluate(() => (document.cookie = 'session=of-the-site; path=/'))
await page.click('#allow')
await viewed(1)
await page.click('a')
await viewed(2)
await page.type('input', 'Wilhelmina Quux')
await page.click('form button')
await viewed(3)
did.cookies = (await browser.cookies()).filter((cookie) => cookie.name.startsWith('heed'))
await browser.close()
console.log(JSON.stringify(did))
