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
const pageItself = () => {
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

/** What a page can ask of itself: what stands in front, and what opens it again. */
const tools = `
  window.card = () => [...document.querySelectorAll('div[lang]')].map(({ shadowRoot }) => shadowRoot.querySelector('.card')).find(Boolean)
  window.reopener = () => [...document.querySelectorAll('div[lang]')].map(({ shadowRoot }) => shadowRoot.querySelector('.reopen')).find(Boolean)`
const whenRead = (script) => `() => { (${pageItself})(); ${tools}; addEventListener('DOMContentLoaded', () => { ${script} }) }`
const page = whenRead('')
const pageWithoutLink = whenRead("document.querySelector('[data-heed-choices]').remove()")
const pageWithEmptyLink = whenRead("document.querySelector('[data-heed-choices]').replaceChildren()")

const there = (tab) => tab.waitForFunction(() => card()?.querySelector('button'), { polling })
const gone = (tab) => tab.waitForFunction(() => !card(), { polling })
const cookieIs = (tab, form) => tab.waitForFunction((form) => new RegExp(form).test(document.cookie), { polling }, form)
const press = (tab, id) =>
  tab.evaluate((id) => card().querySelector(`[data-id=${id}]`).click(), id)

/** Waits until nothing moves any more, and returns what has the focus, in the page or in the banner. */
const still = (tab) =>
  tab.evaluate(async () => {
    await Promise.all(card().getAnimations({ subtree: true }).map(({ finished }) => finished.catch(() => {})))
  })
const focused = (tab) =>
  tab.evaluate(() => {
    const outer = document.activeElement
    const inner = outer?.shadowRoot?.activeElement
    return inner ? inner.dataset.id ?? (inner.value || inner.localName) : `page: ${outer?.localName}`
  })

const requests = (told) => told.map(({ body }) => body.consent.id)

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
    const root = card().getRootNode()
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
    const front = card()
    return {
      pair: ids.map(of),
      hidden: [...root.querySelectorAll('button')].filter((button) => !visible(button)).map(({ dataset }) => dataset.id),
      small: [...root.querySelectorAll('button,input,summary')].filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML),
      wide: front.scrollWidth > front.clientWidth || document.documentElement.scrollWidth > innerWidth,
      dir: getComputedStyle(front).direction,
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
          const locales = style === 'auto' && layout === 'opt_in' ? ['en', 'ar', 'de', 'fi', 'hi', 'ja'] : ['en', 'ar']
          for (const lang of locales) {
            for (const scheme of schemes) {
              await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
              await tab.goto(site.url(`home?lang=${lang}`))
              await ask(tab, layout)
              await tab.evaluate(axe)
              for (const size of sizes) {
                const shot = /en|ar/.test(lang) && (size.width > 320 || style === 'auto')
                if (scheme === 'dark' && (size.width === 320 || !shot)) continue
                const what = [layout, style, scheme, lang, size.width].join(' ')
                await tab.setViewport(size)
                await checkLayer(tab, what)
                if (shot) await tab.screenshot({ path: `${shots}/${what.replaceAll(' ', '-')}-1.png` })
                await press(tab, 'choose')
                await checkLayer(tab, `${what}, second layer`)
                assert.equal(await tab.evaluate(() => card().querySelector('[data-id=ok]')), null, `${what}: nothing beside what was ticked keeps what was before`)
                if (shot) await tab.screenshot({ path: `${shots}/${what.replaceAll(' ', '-')}-2.png` })
                await tab.keyboard.press('Escape')
                await tab.waitForFunction(() => card().localName === 'section', { polling })
                assert.equal(await focused(tab), 'choose', what)
              }
            }
          }
          assert.equal(await tab.evaluate(() => document.cookie), '', 'being shown, and Escape, leave nothing')
        }))
    }
  }
}

test('what an answer leaves: yes and no weigh the same, choosing goes and comes back, and the choice opens again', () =>
  visit('opt_in-auto', async (site) => {
    const tab = await site.open('home', pageWithoutLink)
    await ask(tab, 'opt_in')
    const { pair, hidden } = await measured(tab)
    assert.deepEqual([pair[0], hidden], [pair[1], []])
    assert.equal(await tab.evaluate(() => !reopener()), true) // while the notice asks nothing else does
    await press(tab, 'choose')
    assert.deepEqual(await tab.evaluate(() => {
      const { modal, boxes } = { modal: card().matches('dialog:modal'), boxes: [...card().querySelectorAll('input')] }
      return [modal, boxes.filter(({ checked }) => checked).map(({ value, disabled }) => `${value} ${disabled}`)]
    }), [true, ['purpose.essential true', 'basket-keeper true']])
    await tab.evaluate(() => card().close()) // as Escape does
    await tab.waitForFunction(() => card().localName === 'section', { polling })
    assert.equal(await tab.evaluate(() => document.cookie), '')
    await press(tab, 'choose')
    await tab.evaluate(() => card().querySelector('[value=map]').click())
    await press(tab, 'save')
    await cookieIs(tab, '=1\\.103\\.')
    await gone(tab)
    await tab.waitForFunction(() => reopener(), { polling })
    assert.deepEqual(await tab.evaluate(() => {
      const { width, height } = reopener().getBoundingClientRect()
      return [width >= 24 && height >= 24, reopener().textContent]
    }), [true, 'Your choice'])

    await tab.goto(site.url('next')) // it stands on every page
    await tab.waitForFunction(() => reopener(), { polling })
    await tab.evaluate(() => { reopener().focus(); reopener().click() })
    await there(tab)
    assert.equal(await tab.evaluate(() => reopener().getBoundingClientRect().width), 0) // it is not in the way
    await press(tab, 'choose')
    assert.deepEqual(
      await tab.evaluate(() => [...card().querySelectorAll('input')].filter(({ checked }) => checked).map(({ value, indeterminate }) => value + (indeterminate ? ' in part' : ''))),
      ['purpose.essential', 'basket-keeper', 'purpose.functional in part', 'map'],
    )
    await press(tab, 'reject')
    await cookieIs(tab, '=1\\.01\\.')
    assert.equal(await focused(tab), 'button', 'the focus is where it was')
  }))

test('an opt-out: the link of the page is filled in, one press suffices, and it is said that it is honoured', () =>
  visit('opt_out-auto', async (site) => {
    const tab = await site.open('home', pageWithEmptyLink)
    await tab.waitForFunction(() => document.querySelector('[data-heed-choices] svg'), { polling })
    assert.equal(await tab.evaluate(() => document.querySelector('[data-heed-choices]').textContent.trim()), 'Your Privacy Choices')
    assert.equal(await tab.evaluate(() => !reopener()), true) // the link is enough
    await tab.evaluate(() => document.querySelector('[data-heed-choices] span').click())
    await there(tab)
    await press(tab, 'optout')
    await cookieIs(tab, '=1\\.81\\.')
    await tab.evaluate(() => heed('consent', 'show'))
    await there(tab)
    assert.equal(await tab.evaluate(() => card().querySelector('[role=status]').textContent), 'Opt-out request honoured')
    if (engine === 'chromium') {
      await tab.evaluate(axe)
      await still(tab)
      await judge(tab, 'honoured')
      await tab.screenshot({ path: `${shots}/opt_out-honoured.png` })
    }
  }))

if (engine === 'chromium') {
  test('keys alone reach and answer all, in the order in which it is read; the dialog keeps them', () =>
    visit('opt_in-auto', async (site) => {
      const tab = await site.open('keys', page)
      await ask(tab, 'opt_in')
      await tab.evaluate(() => { // links on the page, of which one stands where the notice would hide it
        for (const id of ['first', 'under']) {
          const link = Object.assign(document.createElement('a'), { id, href: '#', textContent: id })
          if (id === 'under') link.style.cssText = `position: absolute; left: 50%; top: ${innerHeight - 60}px`
          document.querySelector('#main').prepend(link)
        }
      })
      await tab.evaluate(() => document.querySelector('#first').focus())
      await tab.keyboard.down('Shift')
      await tab.keyboard.press('Tab')
      await tab.keyboard.up('Shift')
      assert.deepEqual(await tab.evaluate(() => {
        const { left, top } = document.activeElement.getBoundingClientRect()
        return [document.activeElement.id, document.elementFromPoint(left + 2, top + 2) === document.activeElement]
      }), ['under', true], 'what has the focus is not hidden by the notice')
      const order = []
      while (!order.includes('close')) {
        await tab.keyboard.press('Tab')
        order.push(await focused(tab))
        assert.ok(order.length < 40, `Tab goes round: ${order}`)
      }
      assert.deepEqual(order.filter((name) => !name.startsWith('page')), ['a', 'accept', 'reject', 'choose', 'close'])
      await tab.keyboard.down('Shift')
      await tab.keyboard.press('Tab')
      await tab.keyboard.up('Shift')
      await tab.keyboard.press('Enter')
      await tab.waitForFunction(() => card().localName === 'dialog', { polling })
      assert.equal(await focused(tab), 'h2') // read from its beginning
      const inside = []
      for (let i = 0; i < 40; i++) {
        await tab.keyboard.press('Tab')
        inside.push(await focused(tab))
      }
      assert.deepEqual(inside.filter((name) => name.startsWith('page: ') && name !== 'page: body'), [], 'the focus left the dialog')
      const expected = ['summary', 'purpose.functional', 'map', 'video', 'summary', 'purpose.performance', 'counter', 'summary',
        'purpose.advertising', 'summary', 'accept', 'reject', 'save', 'close']
      assert.deepEqual(inside.filter((name) => !/^page|^div$/.test(name)).slice(0, expected.length), expected)
      await tab.evaluate(() => card().querySelector('[value="purpose.functional"]').focus())
      await tab.keyboard.press('Space')
      assert.deepEqual(await tab.evaluate(() => [...card().querySelectorAll('input:checked:enabled')].map(({ value }) => value)),
        ['purpose.functional', 'map', 'video'])
      await tab.keyboard.press('Escape')
      await tab.waitForFunction(() => card().localName === 'section', { polling })
      assert.deepEqual([await focused(tab), await tab.evaluate(() => document.cookie)], ['choose', ''])
      await tab.keyboard.press('Escape') // the first layer stays: Escape is no answer
      assert.equal(await tab.evaluate(() => !!card()), true)
      for (let i = 0; i < 2; i++) {
        await tab.keyboard.down('Shift')
        await tab.keyboard.press('Tab')
        await tab.keyboard.up('Shift')
      }
      assert.equal(await focused(tab), 'accept')
      await tab.keyboard.press('Enter')
      await cookieIs(tab, '=1\\.0f\\.')
      assert.notEqual(await focused(tab), 'page: body', 'who came by keyboard goes back to where that was')
      assert.equal(await tab.evaluate(() => document.documentElement.style.scrollPaddingBottom), '')
    }))

  test('nothing moves for who wants it so, and nothing of it is printed', () =>
    visit('opt_in-dark', async (site) => {
      const tab = await site.open('motion', page)
      const moves = async (value) => {
        await tab.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value }])
        await tab.goto(site.url(value))
        await there(tab)
        return tab.evaluate(() => card().getAnimations({ subtree: true }).length + (getComputedStyle(card()).animationName === 'none' ? 0 : 1))
      }
      assert.ok((await moves('no-preference')) > 0)
      assert.equal(await moves('reduce'), 0)
      await tab.emulateMediaType('print')
      assert.equal(await tab.evaluate(() => getComputedStyle(document.querySelector('div[lang]')).display), 'none')
    }))

  test('at 400 % zoom every button is in reach, and keys scroll the rest', () =>
    visit('opt_in-branded', async (site) => {
      const tab = await site.open('home?lang=de', page)
      await ask(tab, 'opt_in')
      await tab.evaluate(axe)
      await tab.setViewport({ width: 320, height: 256 })
      await checkLayer(tab, 'opt_in branded light de zoomed')
      await tab.screenshot({ path: `${shots}/zoomed-1.png` })
      await press(tab, 'choose')
      await checkLayer(tab, 'opt_in branded light de zoomed, second layer')
      await tab.screenshot({ path: `${shots}/zoomed-2.png` })
      const room = await tab.evaluate(() => card().querySelector('.text').clientHeight)
      assert.ok(room >= 40, `${room} px are left for the text`)
    }))

  test('forced colours leave every edge and every state visible', () =>
    visit('opt_in-auto', async (site) => {
      const tab = await site.open('forced', page)
      const client = await tab.createCDPSession()
      await client.send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] })
      await ask(tab, 'opt_in')
      await press(tab, 'choose')
      await tab.evaluate(() => card().querySelector('[value=map]').click())
      await still(tab)
      await tab.screenshot({ path: `${shots}/forced-colours.png` })
      assert.deepEqual(await tab.evaluate(() => {
        const edges = [...card().querySelectorAll('.buttons button')].map(getComputedStyle)
        const seen = edges.every((style) => style.borderTopWidth !== '0px' && style.borderTopColor !== style.backgroundColor)
        const [on, off] = ['map', 'video'].map((id) => {
          const { backgroundColor, left } = getComputedStyle(card().querySelector(`[value=${id}]`), '::before')
          return [backgroundColor, left, getComputedStyle(card().querySelector(`[value=${id}]`)).backgroundColor].join()
        })
        return [matchMedia('(forced-colors: active)').matches, seen, on !== off]
      }), [true, true, true])
    }))

  test('nothing shifts, and the largest paint is the page\'s', () =>
    visit('opt_in-light', async (site) => {
      // Seen only when it is whole: what the page itself moves as it builds up is not the banner's.
      const whole = `() => { (${page})(); document.documentElement.hidden = true; addEventListener('DOMContentLoaded', () => { document.documentElement.hidden = false }) }`
      const tab = await site.open('paint', whole)
      for (const size of sizes) {
        await tab.setViewport(size)
        await tab.goto(site.url(`paint?${size.width}`))
        await ask(tab, 'opt_in')
        await tab.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))))
        const { shifts, largest } = await tab.evaluate(() => ({ shifts, largest }))
        assert.deepEqual(shifts, [], `${size.width}`)
        assert.deepEqual([largest.length > 0, largest.at(-1)?.inPage], [true, true], `${size.width}`)
      }
    }))

  test('what hides the banner answers nothing', () =>
    visit('opt_in-auto', async (site) => {
      const hides = `() => { (${page})(); new MutationObserver(() => document.querySelector('div[lang]')?.remove()).observe(document, { childList: true, subtree: true }) }`
      const before = requests(await site.told(0)) // of other visitors
      const tab = await site.open('hidden', hides)
      await tab.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('.json')), { polling })
      await tab.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))
      assert.deepEqual(await tab.evaluate(() => [document.cookie, localStorage.length, heed.consent.performance, heed.consent.answered]),
        ['', 0, false, false])
      assert.deepEqual(requests(await site.told(0)), before)
      const hidden = `() => { (${page})(); const { attachShadow } = Element.prototype; Element.prototype.attachShadow = function (how) { this.hidden = true; return attachShadow.call(this, how) } }`
      const other = await site.open('unseen', hidden)
      await there(other)
      assert.equal(await other.evaluate(() => document.documentElement.style.scrollPaddingBottom), '0px', 'it covers nothing')
    }))

  test('the page\'s own rules do not reach in', () =>
    visit('opt_in-auto', async (site) => {
      const rude = `() => { (${page})(); const sheet = new CSSStyleSheet(); sheet.replaceSync('* { display: none !important; --accent: red !important; font-size: 4px !important } html, head, body, main, main * { display: block !important } div { position: static !important; opacity: 0 !important }'); document.adoptedStyleSheets = [sheet] }`
      const tab = await site.open('rude', rude)
      await there(tab)
      await still(tab)
      assert.deepEqual(await tab.evaluate(() => {
        const host = getComputedStyle(document.querySelector('div[lang]'))
        const button = getComputedStyle(card().querySelector('[data-id=accept]'))
        return [host.position, host.display, host.opacity, button.fontSize, button.backgroundColor]
      }), ['fixed', 'block', '1', '15px', 'rgb(21, 24, 30)'])
    }))

  test('a button that the owner wants stands beside a link, and is drawn well', () =>
    visit('opt_out-auto-button', async (site) => {
      const tab = await site.open('button', page)
      await tab.waitForFunction(() => reopener(), { polling })
      await tab.evaluate(axe)
      await judge(tab, 'the button')
      await tab.screenshot({ path: `${shots}/button.png` })
    }))
}
