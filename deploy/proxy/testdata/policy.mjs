// Visits a page once after each change of mind, with the browser's cache on, and prints what it could reach as JSON:
//
//   node policy.mjs https://example.com:<port> <id of the notice in force> <keys to trust>
//
// Its servers' keys are trusted by their hashes: what comes over a connection that is merely put up with is not cached.
import puppeteer from 'puppeteer-core'

const [site, notice, keys] = process.argv.slice(2)
const flags = '--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update --disable-sync'
const names = ['example.com', '*.example'].map((name) => `MAP ${name} 127.0.0.1`)
const browser = await puppeteer.launch({
  executablePath: process.env.HEED_CHROMIUM || '/usr/bin/chromium',
  args: [...flags.split(' '), `--host-resolver-rules=${names.join(',')}`, `--ignore-certificate-errors-spki-list=${keys}`],
})
const page = await browser.newPage()
await page.setExtraHTTPHeaders({ 'CF-IPCountry': 'DE' })
const network = await page.createCDPSession()
await network.send('Network.enable')

// What came over the wire: the page itself is told 200 where it was 304.
const wire = new Map()
network.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => wire.set(requestId, statusCode))
let main = ''
network.on('Network.requestWillBeSent', ({ requestId, type }) => type === 'Document' && (main = requestId))

const steps = []
async function visit(step, bits) {
  await browser.setCookie({ name: 'heed', value: `1.${bits}.20000.${notice}`, domain: 'example.com', path: '/', secure: true })
  await page.goto(`${site}/`, { waitUntil: 'load' })
  const reached = await page.evaluate(() => window.reached)
  steps.push({ step, status: wire.get(main), reached })
}
await visit('refused', '01')
await visit('granted', '0f')
await visit('withdrawn', '01')
await visit('granted again', '0f')
await browser.close()
console.log(JSON.stringify(steps))
