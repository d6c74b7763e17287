// The banner as it is served: real notices, in every layout and style, held against what visitors need. TestBanner runs it,
// once per engine; what only has to be measured once is measured in Chromium.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { engine } from './engines.mjs'
import { inOneBrowser, test, visit } from './harness.mjs'

const shots = process.env.HEED_SHOTS
const layouts = ['opt_in', 'opt_out', 'notice']
const styles = ['auto', 'light', 'dark', 'branded']
const sizes = [{ width: 320, height: 640 }, { width: 1280, height: 800 }]
const polling = 20
const axe = engine === 'chromium' && (await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'))

/** Runs before each page: its language is in its address, and it has a text larger than any notice. */
const page = () => {
  document.documentElement.lang = new URLSearchParams(location.search).get('lang') ?? 'en'
  window.shifts = []
  window.largest = []
  for (const [type, list] of [['layout-shift', shifts], ['largest-contentful-paint', largest]]) {
    try {
      new PerformanceObserver((seen) => {
        for (const entry of seen.getEntries()) list.push({ value: entry.value, inPage: !!entry.element?.matches('#main *') })
      }).observe({ type, buffered: true })
    } catch {
      // Not in this engine.
    }
  }
  addEventListener('DOMContentLoaded', () => {
    const main = document.createElement('main')
    main.id = 'main'
    main.append(Object.assign(document.createElement('h1'), { textContent: 'A page about plants' }))
    for (const times of [60, 30, 30, 30]) {
      main.append(Object.assign(document.createElement('p'), { textContent: 'Loam, leaves and light make a garden. '.repeat(times) }))
    }
    main.style.cssText = 'font: 18px/1.6 Georgia, serif; max-width: 720px; margin: 24px auto'
    document.body.prepend(main)
  })
}

/** The same page without the link that opens the choice again. */
const pageWithoutLink = `() => { (${page})(); addEventListener('DOMContentLoaded', () => document.querySelector('[data-heed-choices]').remove()) }`

const there = (tab) => tab.waitForFunction(() => document.querySelector('div[lang]')?.shadowRoot.querySelector('.card button'), { polling })
const gone = (tab) => tab.waitForFunction(() => !document.querySelector('div[lang]')?.shadowRoot.querySelector('.card'), { polling })
const cookieIs = (tab, form) => tab.waitForFunction((form) => new RegExp(form).test(document.cookie), { polling }, form)
const press = (tab, id) =>
  tab.evaluate((id) => document.querySelector('div[lang]').shadowRoot.querySelector(`[data-id=${id}]`).click(), id)

/** Waits until nothing moves any more, and returns what has the focus, in the page or in the banner. */
const still = (tab) =>
  tab.evaluate(async () => {
    const root = [...document.querySelectorAll('div[lang]')].map((host) => host.shadowRoot).find((root) => root.querySelector('.card'))
    await Promise.all((root ?? document).getAnimations?.().map((animation) => animation.finished.catch(() => {})) ?? [])
  })
const focused = (tab) =>
  tab.evaluate(() => {
    const outer = document.activeElement
    const inner = outer?.shadowRoot?.activeElement
    return inner ? inner.dataset.id ?? (inner.value || inner.localName) : `page: ${outer?.localName}`
  })

/** Brings the notice up, also where nothing asks by itself. */
async function ask(tab, layout) {
  if (layout === 'opt_out') await tab.waitForFunction(() => 'consent' in heed, { polling })
  if (layout === 'opt_out') await tab.evaluate(() => heed('consent', 'show'))
  await there(tab)
  await still(tab)
}

async function judge(tab, what) {
  const found = await tab.evaluate(async () => {
    const { violations } = await axe.run({ include: [['div[lang]']] }, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'],
    })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`)
  })
  assert.deepEqual(found, [], what)
}

/** All that makes one button weigh more than another. */
const measured = (tab) =>
  tab.evaluate(() => {
    const root = document.querySelector('div[lang]').shadowRoot
    const of = (id) => {
      const button = root.querySelector(`[data-id=${id}]`)
      const box = button.getBoundingClientRect()
      const style = getComputedStyle(button)
      const names = ['color', 'backgroundColor', 'borderTopColor', 'borderTopWidth', 'borderRadius', 'fontSize', 'fontWeight',
        'fontFamily', 'opacity', 'boxShadow', 'cursor', 'textTransform', 'visibility', 'display']
      return { width: Math.round(box.width * 100), height: Math.round(box.height * 100), ...Object.fromEntries(names.map((n) => [n, style[n]])) }
    }
    const visible = (button) => {
      const { left, right, top, bottom } = button.getBoundingClientRect()
      return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && root.elementFromPoint((left + right) / 2, (top + bottom) / 2) === button
    }
    const ids = ['accept', 'reject', 'ok', 'optout'].filter((id) => root.querySelector(`[data-id=${id}]`))
    const card = root.querySelector('.card')
    return {
      pair: ids.map(of),
      hidden: [...root.querySelectorAll('button')].filter((button) => !visible(button)).map(({ dataset }) => dataset.id),
      small: [...root.querySelectorAll('button,input,summary')].filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML),
      wide: card.scrollWidth > card.clientWidth || document.documentElement.scrollWidth > innerWidth,
      dir: getComputedStyle(card).direction,
    }
  })

async function checkLayer(tab, what) {
  await still(tab)
  const { pair, hidden, small, wide, dir } = await measured(tab)
  if (pair.length > 1) assert.deepEqual(pair[0], pair[1], `${what}: yes and no weigh the same`)
  assert.deepEqual([hidden, small, wide], [[], [], false], `${what}: buttons out of reach, targets too small, too wide`)
  assert.equal(dir, /\bar\b/.test(what) ? 'rtl' : 'ltr', what)
  await judge(tab, what)
}

inOneBrowser()

if (engine === 'chromium') {
  for (const layout of layouts) {
    for (const style of styles) {
      test(`${layout}, ${style}: both layers can be read, reached and weigh the same`, () =>
        visit(`${layout}-${style}`, async (site) => {
          const tab = await site.open('home', page)
          const schemes = style === 'auto' ? ['light', 'dark'] : ['light']
          const locales = style === 'auto' ? ['en', 'ar', 'de', 'fi', 'hi', 'ja'] : ['en', 'ar']
          for (const lang of locales) {
            for (const scheme of schemes) {
              await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
              await tab.goto(site.url(`home?lang=${lang}`))
              await ask(tab, layout)
              await tab.evaluate(axe)
              for (const size of sizes) {
                if (scheme === 'dark' && size.width === 320) continue
                const what = [layout, style, scheme, lang, size.width].join(' ')
                await tab.setViewport(size)
                await checkLayer(tab, what)
                if (/en|ar/.test(lang)) await tab.screenshot({ path: `${shots}/${what.replaceAll(' ', '-')}-1.png` })
                await press(tab, 'choose')
                await checkLayer(tab, `${what}, second layer`)
                if (/en|ar/.test(lang)) await tab.screenshot({ path: `${shots}/${what.replaceAll(' ', '-')}-2.png` })
                await tab.keyboard.press('Escape')
                await tab.waitForFunction(() => document.querySelector('div[lang]').shadowRoot.querySelector('section.card'), { polling })
                assert.equal(await focused(tab), 'choose', what)
              }
            }
          }
          assert.equal(await tab.evaluate(() => document.cookie), '', 'being shown, and Escape, leave nothing')
        }))
    }
  }
}
