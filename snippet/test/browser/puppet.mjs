// Chromium and Firefox, by puppeteer-core: DevTools protocol and WebDriver BiDi. The pages of webkit.mjs are like these.
import puppeteer from 'puppeteer-core'

/** What Chromium needs to keep pages for the way back; and to do with one process per visitor instead. */
const cachedArgs = ['--enable-features=BackForwardCache']
const uncachedArgs = ['--disable-features=BackForwardCache,SpareRendererForSitePerProcess', '--process-per-site']

const options = (cached) => ({
  chromium: {
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...(cached ? cachedArgs : uncachedArgs),
    ],
  },
  firefox: { browser: 'firefox', executablePath: '/usr/bin/firefox-esr' },
})

/** Starts the browser, with a profile that is gone when it ends. Arguments in extra are added to its own. */
export async function launchPuppet(engine, cached, extra = {}) {
  const { args = [], ...own } = options(cached)[engine]
  const browser = await puppeteer.launch({ headless: true, ...own, ...extra, args: [...args, ...(extra.args ?? [])] })
  const prepare = engine === 'firefox' ? (page) => page.evaluateOnNewDocument(printErrorsAsText) : () => {}
  return { visitor: () => openVisitor(browser, prepare), close: () => browser.close() }
}

/** Runs in each page before anything else: Firefox's protocol says of an error that is printed only that it is one. */
function printErrorsAsText() {
  for (const type of ['error', 'warn', 'log', 'info']) {
    const print = console[type]
    console[type] = (...values) => print.apply(console, values.map((value) => (value instanceof Error ? String(value) : value)))
  }
}

/** One visitor: a profile of their own. */
async function openVisitor(browser, prepare) {
  const context = await browser.createBrowserContext()
  const open = async (problem) => {
    const page = await openPage(context, problem)
    await prepare(page)
    return page
  }
  return { open, close: () => context.close() }
}

/** What was printed. Chromium's protocol says of an error also what it is. */
function textOf(message) {
  try {
    return [message.text(), ...message.args().map((arg) => arg.remoteObject().description ?? '')].join(' ').trim()
  } catch {
    return message.text()
  }
}

/** Opens a tab that passes on what its pages print and where they fail. */
async function openPage(context, problem) {
  const page = await context.newPage()
  // Firefox takes what a policy holds back for an error of the page.
  page.on('pageerror', ({ message }) => problem(`${/^Content-Security-Policy:/.test(message) ? 'console' : 'page error'}: ${message}`))
  page.on('console', (message) => problem(`console: ${message.type()}: ${textOf(message)}`))
  const wait = page.waitForFunction.bind(page)
  page.waitForFunction = (fn, _options, ...args) => wait(fn, { polling: 20 }, ...args) // also where nothing is painted
  page.follow = (action) => Promise.all([page.waitForNavigation({ waitUntil: 'domcontentloaded' }), action()])
  page.drain = async () => {} // all has been passed on
  return page
}
