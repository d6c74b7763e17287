// WebKit, by WebKitGTK's own driver, which speaks W3C WebDriver over HTTP: https://www.w3.org/TR/webdriver2/. Its pages
// have those methods of puppeteer's that the tests use.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const patienceMs = 30_000
const startMs = 15_000
const pollMs = 20
const browser = { binary: '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser', args: ['--automation'] }

/** What ends the drivers that run. */
const running = new Set()
process.on('exit', () => running.forEach((end) => end())) // also after an error

/** Starts WebKit for each visitor anew. Its sessions have the extra capabilities. */
export const launchWebKit = async (extra = {}) => ({ recorder, visitor: () => openVisitor(extra), async close() {} })

/** Starts a display that nobody sees, a driver, and with it a browser with a profile of its own. */
async function startSession(extra) {
  const display = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1100x24', '-nolisten', 'tcp', '-noreset'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [number] = await once(display.stdio[3], 'data')
  const port = await freePort()
  const driver = spawn('WebKitWebDriver', [`--port=${port}`], {
    env: { ...process.env, DISPLAY: `:${String(number).trim()}`, GDK_BACKEND: 'x11' },
    stdio: 'ignore',
    detached: true, // a process group: the browser ends with its driver
  })
  const end = () => running.delete(end) && process.kill(-driver.pid, 'SIGKILL') && display.kill()
  running.add(end)
  const call = caller(`http://127.0.0.1:${port}`)
  try {
    await until('the driver', () => call('GET', '/status').then((status) => status.ready))
    const { sessionId } = await call('POST', '/session', {
      capabilities: { alwaysMatch: { ...extra, 'webkitgtk:browserOptions': browser } },
    }, startMs)
    const command = (method, path, body) => call(method, `/session/${sessionId}${path}`, body)
    return { end, command, first: await command('GET', '/window') }
  } catch (error) {
    end()
    throw error
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Sends a command and returns its value. */
function caller(address) {
  return async (method, path, body = {}, timeoutMs = patienceMs) => {
    const request = { method, signal: AbortSignal.timeout(timeoutMs) }
    if (method === 'POST') request.body = JSON.stringify(body)
    const answer = await fetch(address + path, request)
    const { value } = await answer.json()
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`)
    return value
  }
}

async function until(what, condition) {
  let last
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await pause(pollMs)) {
    const value = await condition().catch((error) => { last = error }) // the page may be changing just now
    if (value) return value
  }
  throw new Error(`${what}: not in ${patienceMs} ms; at last ${last?.message ?? 'false'}`)
}

/**
 * Runs in each page before anything else: the driver does not tell what a page prints and where it fails. A window's name
 * stays when the page in it changes, and nothing of the tests or of heed uses it.
 */
function recorder() {
  const record = (text) => { window.name += `${text.replace(/\n/g, ' ')}\n` }
  addEventListener('error', (event) => record(`page error: ${event.message}`))
  addEventListener('unhandledrejection', (event) => record(`page error: ${event.reason}`))
  for (const type of ['error', 'warn', 'log', 'info']) {
    const print = console[type]
    console[type] = (...values) => {
      record(`console: ${type}: ${values.join(' ')}`)
      print.apply(console, values)
    }
  }
}

/** One visitor is one session. Now and then a start never ends, or at once; then another one, on another display, does better. */
async function openVisitor(extra) {
  const { command, end, first } = await startSession(extra).catch(() => startSession(extra))
  const visitor = { command, pages: [], last: Promise.resolve() }
  return {
    async open(problem) {
      const handle = visitor.pages.length
        ? (await command('POST', '/window/new', { type: 'window' })).handle
        : first
      const page = new Page(visitor, handle, problem)
      visitor.pages.push(page)
      return page
    },
    async close() {
      await command('DELETE', '')
      end()
    },
  }
}

/** A window of its own, since the driver cannot bring tabs to the front. */
class Page {
  #visitor
  #handle
  #problem

  constructor(visitor, handle, problem) {
    this.#visitor = visitor
    this.#handle = handle
    this.#problem = problem
  }

  /** Runs fn with this window chosen, which all commands go to; hence one after the other. */
  #here(fn) {
    const { command } = this.#visitor
    const result = this.#visitor.last.then(async () => {
      await command('POST', '/window', { handle: this.#handle })
      return fn(command)
    })
    this.#visitor.last = result.catch(() => {})
    return result
  }

  /** Runs fn in the page, also one that returns a promise. */
  evaluate(fn, ...args) {
    const script = `return Promise.resolve((${fn})(...arguments)).then((value) => ({ value }))`
    return this.#here(async (command) => {
      const { value } = await command('POST', '/execute/sync', { script, args })
      return value
    })
  }

  waitForFunction(fn, _options, ...args) {
    return until(String(fn), () => this.evaluate(fn, ...args))
  }

  /** Passes on what the page has printed since the last time. */
  async drain() {
    const text = await this.evaluate(() => {
      const text = window.name
      window.name = ''
      return text
    })
    for (const line of text.split('\n')) if (line) this.#problem(line)
  }

  #toElement(selector, action, body) {
    return this.#here(async (command) => {
      const element = await command('POST', '/element', { using: 'css selector', value: selector })
      await command('POST', `/element/${Object.values(element)[0]}/${action}`, body)
    })
  }

  click(selector) {
    return this.#toElement(selector, 'click')
  }

  type(selector, text) {
    return this.#toElement(selector, 'value', { text })
  }

  async goto(url) {
    await this.drain()
    await this.#here((command) => command('POST', '/url', { url }))
  }

  reload() {
    return this.#here((command) => command('POST', '/refresh'))
  }

  /** Does what leads to another page, and waits for it. */
  async follow(action) {
    await this.evaluate(() => { document.heedTest = true })
    await action()
    await this.waitForFunction(() => !document.heedTest && document.readyState === 'complete')
  }

  /** Puts this window in front of the visitor's others. */
  async bringToFront() {
    for (const page of this.#visitor.pages) {
      if (page !== this) await page.#here((command) => command('POST', '/window/minimize'))
    }
    if (this.#visitor.pages.length > 1) await this.#here((command) => command('POST', '/window/rect', { x: 0, y: 0 }))
  }

  async close() {
    await this.drain()
    this.#visitor.pages = this.#visitor.pages.filter((page) => page !== this)
    await this.#here((command) => command('DELETE', '/window'))
  }

  url() {
    return this.#here((command) => command('GET', '/url'))
  }

  cookies() {
    return this.#here((command) => command('GET', '/cookie'))
  }

  async screenshot({ path }) {
    await writeFile(path, Buffer.from(await this.#here((command) => command('GET', '/screenshot')), 'base64'))
  }

  async setViewport({ width, height }) {
    await this.#here((command) => command('POST', '/window/rect', { width, height }))
  }
}
