import assert from 'node:assert/strict'
import { atLeast, loaded, ofKind, stored, test, visit } from './harness.mjs'

/** Tests look at pages in the background, too, where nothing is drawn. */
const polling = 50

/** Waits for the notice and returns what it says. */
async function notice(page) {
  await page.waitForFunction(() => document.querySelector('div[lang]')?.shadowRoot.querySelector('button'), { polling })
  return page.evaluate(() => {
    const host = document.querySelector('div[lang]')
    const frame = host.shadowRoot.firstElementChild
    return {
      lang: host.lang,
      role: frame.getAttribute('role') ?? frame.localName,
      title: host.shadowRoot.getElementById(frame.getAttribute('aria-labelledby')).textContent,
      text: frame.textContent,
      buttons: [...frame.querySelectorAll('button')].map((button) => button.dataset.id),
      boxes: [...frame.querySelectorAll('input')].map(({ checked, disabled }) => [checked, disabled]),
      links: [...frame.querySelectorAll('a')].map(({ href }) => href),
      position: getComputedStyle(host).position,
      colour: getComputedStyle(frame.querySelector('h2')).color,
      focused: [frame, frame.querySelector('h2')].includes(host.shadowRoot.activeElement),
    }
  })
}

const press = (page, id) =>
  page.evaluate((id) => document.querySelector('div[lang]').shadowRoot.querySelector(`[data-id=${id}]`).click(), id)
const tick = (page, value) =>
  page.evaluate((value) => document.querySelector('div[lang]').shadowRoot.querySelector(`[value="${value}"]`).click(), value)
const gone = (page) => page.waitForFunction(() => !document.querySelector('div[lang]'), { polling })
const told = async (site, count) => (await site.told(count)).map(({ body }) => body)
const cookieIs = (page, form) => page.waitForFunction((form) => new RegExp(form).test(document.cookie), { polling }, form)
/** The cookie of a choice of today with a seal, as an answer sets it. */
const sealed = (bits, cookie) =>
  `${cookie}=1.${bits}.${Math.floor(Date.now() / 86400000)}.0a1b2c3d.${'ab'.repeat(16)}.${'A'.repeat(22)}; Path=/`
const gpc = () => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })

test('the notice asks, in the language of the page, and an answer by button names what was shown', () =>
  visit('ask', async (site) => {
    const page = await site.open('home', () => { document.documentElement.lang = 'de-AT' })
    const seen = await notice(page)
    assert.deepEqual([seen.lang, seen.role, seen.title], ['de', 'region', 'Title opt_in de'])
    assert.deepEqual(seen.buttons, ['accept', 'reject', 'choose', 'close'])
    assert.deepEqual(seen.links, ['https://shop.example/policy'])
    assert.deepEqual([seen.position, seen.colour, seen.focused], ['fixed', 'rgb(1, 2, 3)', false])
    assert.deepEqual(await stored(page), { cookie: '', keys: [], session: 0 }) // being shown leaves nothing
    await press(page, 'accept')
    await gone(page)
    const [{ consent, choice }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.method, consent.control], ['accept', 'button', 'accept'])
    assert.match(consent.shown, /^[\da-f]{64}$/)
    assert.ok(consent.dwell >= 0 && consent.dwell < 60000, `dwell ${consent.dwell}`)
    assert.match(choice, /^1\.0f\./)
    await site.events(atLeast('page', 1))
    await page.goto(site.url('next'))
    await site.events(atLeast('page', 2))
    assert.equal(await page.evaluate(() => !document.querySelector('div[lang]')), true)
  }))

test('a refusal by button is as near, and nobody is asked again', () =>
  visit('say-no', async (site) => {
    const page = await site.open()
    await notice(page)
    await press(page, 'reject')
    await cookieIs(page, '=1\\.01\\.\\d{5}\\.0a1b2c3d$')
    const [{ consent }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.control], ['reject', 'reject'])
    await page.goto(site.url('next'))
    await loaded(page)
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))
    assert.equal(await page.evaluate(() => !document.querySelector('div[lang]')), true)
    assert.deepEqual(await site.batches(0), [])
  }))

test('choosing shows a box for each category and service, none ticked but the one that is always on', () =>
  visit('choose', async (site) => {
    const page = await site.open()
    await notice(page)
    await press(page, 'choose')
    const seen = await notice(page)
    assert.equal(seen.role, 'dialog')
    assert.equal(seen.focused, true)
    assert.deepEqual(seen.boxes, [[true, true], ...Array(5).fill([false, false])])
    assert.deepEqual(seen.buttons, ['accept', 'reject', 'save', 'close'])
    assert.match(seen.text, /EssentialAlways on/)
    await tick(page, 'purpose.performance')
    await press(page, 'save')
    await cookieIs(page, '=1\\.05\\.\\d{5}\\.0a1b2c3d\\.')
    const [{ consent }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.method, consent.control], ['custom', 'button', 'save'])

    // The choice opens again by a link of the page, as it is, and less is as near as more.
    await page.evaluate(() => {
      document.body.insertAdjacentHTML('beforeend', '<button id="again" data-heed-choices><b>Your choices</b></button>')
      document.getElementById('again').focus()
      document.querySelector('#again b').click()
    })
    const again = await notice(page)
    assert.equal(again.focused, true)
    assert.match(again.links[1], /\/h\/choose\/receipt\/[\da-f]{32}$/)
    await press(page, 'choose')
    assert.deepEqual((await notice(page)).boxes.map(([ticked]) => ticked), [true, false, false, true, true, false])
    await press(page, 'reject')
    await cookieIs(page, '=1\\.01\\.')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'again') // the focus is where it was
    const [, withdrawal] = await told(site, 2)
    assert.equal(withdrawal.consent.event, 'withdraw')
    assert.ok(withdrawal.consent.ends.includes(consent.id.replaceAll('-', '')))
  }))

test('a choice service by service is kept beside the choice, told, and less of it is a withdrawal', () =>
  visit('services', async (site) => {
    const page = await site.open()
    await notice(page)
    await press(page, 'choose')
    await tick(page, 'map')
    await tick(page, 'purpose.performance')
    await press(page, 'save')
    await cookieIs(page, '=1\\.07\\.\\d{5}\\.0a1b2c3d\\.') // all there are of both
    assert.deepEqual((await stored(page)).keys.filter((key) => key.endsWith('.s')), [])

    await page.evaluate(() => {
      window.states = 0
      document.addEventListener('heed:consent', () => states++)
      heed('consent', 'show')
    })
    await notice(page)
    await press(page, 'choose')
    await tick(page, 'counter')
    const mixed = () => document.querySelector('div[lang]').shadowRoot.querySelector('[value="purpose.performance"]').indeterminate
    assert.equal(await page.evaluate(mixed), true)
    await press(page, 'save')
    await cookieIs(page, '=1\\.107\\.\\d{5}\\.0a1b2c3d\\.[\\da-f]{32}\\.')
    const list = () => page.evaluate(() => localStorage.getItem('heed.services.s'))
    assert.match(await list(), /^1\.107\.\d{5}\.0a1b2c3d map$/)
    const [, { consent }] = await told(site, 2)
    assert.deepEqual([consent.event, consent.services], ['withdraw', ['map']])
    assert.equal(await page.evaluate(() => states), 1)

    // What a page chooses says the same, and a refusal leaves no list behind.
    await page.evaluate(() => heed('consent', { performance: true, services: ['counter', 'counter', 7] }))
    await cookieIs(page, '=1\\.105\\.')
    assert.match(await list(), /^1\.105\.\d{5}\.0a1b2c3d counter counter$/)
    await page.evaluate(() => heed('consent', { services: ['map'] }))
    await cookieIs(page, '=1\\.01\\.\\d{5}\\.0a1b2c3d$')
    assert.equal(await list(), null)
  }))

test('closing is a choice of what was in force; leaving, scrolling and Escape are none', () =>
  visit('closed', async (site) => {
    const page = await site.open()
    await notice(page)
    await page.evaluate(() => {
      scrollTo(0, 100)
      document.body.click()
      const target = document.querySelector('div[lang]').shadowRoot.querySelector('button')
      target.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, composed: true }))
    })
    await page.goto(site.url('second')) // still unanswered
    await notice(page)
    assert.deepEqual(await stored(page), { cookie: '', keys: [], session: 0 })
    assert.deepEqual(await site.told(0), [])
    await press(page, 'close')
    await cookieIs(page, '=1\\.01\\.')
    const [{ consent }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.method, consent.control], ['reject', 'close', undefined])
  }))

test('where silence allows, views are measured at once, and a choice carries its mark and no seal', () =>
  visit('silence', async (site) => {
    await site.place('US-CA')
    const page = await site.open()
    await site.events(atLeast('page', 1))
    assert.equal((await stored(page)).cookie, '')
    await page.evaluate(() => heed('consent', 'show'))
    const seen = await notice(page)
    assert.equal(seen.title, 'Title opt_out en')
    assert.deepEqual(seen.buttons, ['ok', 'optout', 'choose'])
    await press(page, 'optout')
    await cookieIs(page, '=1\\.81\\.\\d{5}\\.0a1b2c3d$')
    const [{ consent }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.control], ['reject', 'optout'])
    await page.evaluate(() => heed('consent', 'show'))
    assert.match((await notice(page)).text, /Your opt-out is honoured/)
    await press(page, 'ok')
    await gone(page)
    await page.evaluate(() => heed('consent', 'allow'))
    await cookieIs(page, '=1\\.8f\\.\\d{5}\\.0a1b2c3d$')
    assert.equal((await told(site, 2))[1].consent.event, 'accept')
  }))

test('where silence allows, GPC is a choice: it is kept, told, shown, and stays when it is gone', () =>
  visit('gpc-there', async (site) => {
    await site.place('US-CA')
    const page = await site.open('home', gpc)
    assert.match((await notice(page)).text, /Your opt-out is honoured/)
    await cookieIs(page, '=1\\.97\\.\\d{5}\\.0a1b2c3d$')
    const [{ consent, gpc: signalled }] = await told(site, 1)
    assert.deepEqual([consent.event, consent.method, consent.shown, signalled], ['gpc', 'signal', undefined, true])
    const later = await site.open('later', () => {})
    await loaded(later)
    assert.deepEqual(await later.evaluate(() => [heed.consent.performance, heed.consent.advertising]), [true, false])
    assert.equal((await site.told(0)).length, 1)
  }))

test('where a yes is needed, GPC leaves nothing before a choice, and takes from one that exists', () =>
  visit('gpc-here', async (site) => {
    const page = await site.open('home', gpc)
    await notice(page)
    assert.deepEqual(await stored(page), { cookie: '', keys: [], session: 0 })
    await page.goto('about:blank')
    const without = await site.open('without', () => {})
    await notice(without)
    await press(without, 'accept')
    await cookieIs(without, '=1\\.0f\\.\\d{5}\\.0a1b2c3d\\.')
    await without.goto('about:blank')
    const after = await site.open('after', gpc)
    await cookieIs(after, '=1\\.17\\.\\d{5}\\.0a1b2c3d\\.')
    const [, { consent }] = await told(site, 2)
    assert.deepEqual([consent.event, consent.method], ['withdraw', 'signal'])
    assert.match(consent.ends, /^1\.0f\./)
  }))

test('the age of a minor ends measuring and asking, and is kept nowhere', () =>
  visit('minor', async (site) => {
    await site.place('US-CA')
    const page = await site.open()
    await site.events(atLeast('page', 1))
    await page.evaluate(() => heed('age', '13-15'))
    await page.waitForFunction(() => !heed.consent.performance)
    assert.deepEqual(await stored(page), { cookie: '', keys: [], session: 0 })
    await page.evaluate(() => heed('consent', 'allow'))
    await cookieIs(page, '=1\\.83\\.')
    const [{ age }] = await told(site, 1)
    assert.equal(age, '13-15')
    assert.equal(JSON.stringify(await stored(page)).includes('13'), false)
  }))

test('a minor is neither asked nor counted when the page says so before anything else', () =>
  visit('minor-early', async (site) => {
    const page = await site.open('home', () => {
      window.heed = (...call) => (heed.q = heed.q || []).push(call)
      heed('age', 'u13')
    })
    await page.waitForFunction(() => 'consent' in heed && performance.getEntriesByType('resource').length > 2)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)))
    assert.equal(await page.evaluate(() => !document.querySelector('div[lang]')), true)
    assert.deepEqual(await stored(page), { cookie: '', keys: [], session: 0 })
    assert.deepEqual(await site.batches(0), [])
  }))

test('of two places the stricter holds', () =>
  visit('two-places', async (site) => {
    await site.place('US-CA')
    const page = await site.open('home?timing=DE')
    assert.equal((await notice(page)).title, 'Title opt_in en')
    assert.deepEqual(await site.batches(0), [])
    assert.deepEqual((await stored(page)).keys, [])
    await page.goto(site.url('home?timing=US-CA'))
    await site.events(atLeast('page', 1))
  }))

/** Two tabs choose within a moment, in the order given. */
const twoTabs = (key, [first, second], want, before) =>
  test(`two tabs within a second: ${key}`, () =>
    visit(key, async (site) => {
      const [one, two] = [await site.open('one', before), await site.open('two', before)]
      for (const page of [one, two]) {
        await page.evaluate(() => heed('event', 'ready')) // does nothing
        await notice(page) // the consent script is there
      }
      const chosen = (page, choice, at) => page.evaluate(([choice, at]) => {
        Date.now = () => at // a slow machine makes no second of a moment
        heed('consent', choice)
      }, [choice, at])
      const now = Date.now()
      await Promise.all([chosen(one, first, now), chosen(two, second, now + 10)])
      await Promise.all([cookieIs(one, want), cookieIs(two, want)])
      await gone(one)
      await gone(two)
    }, { expectErrors: true }))

twoTabs('refuse-allow', ['refuse', 'allow'], '=1\\.01\\.')
twoTabs('allow-refuse', ['allow', 'refuse'], '=1\\.01\\.')
twoTabs('parts', [{ performance: true }, { functional: true }], '=1\\.01\\.')
twoTabs('no-channel', ['refuse', 'allow'], '=1\\.01\\.', () => { delete window.BroadcastChannel })

test('two tabs at two times: the later choice wins', () =>
  visit('later-wins', async (site) => {
    const [one, two] = [await site.open('one'), await site.open('two')]
    for (const page of [one, two]) await notice(page)
    await one.evaluate(() => heed('consent', 'refuse'))
    await gone(two) // answered in the other tab
    await new Promise((resolve) => setTimeout(resolve, 1100)) // the moment has passed: that is what is tested
    await two.evaluate(() => heed('consent', 'allow'))
    await cookieIs(two, '=1\\.0f\\.\\d{5}\\.0a1b2c3d\\.')
    assert.equal(await one.evaluate(() => heed.consent.performance), true)
    assert.deepEqual(ofKind(await site.events(atLeast('page', 1)), 'page').map(({ url }) => url), [site.url('two')])
  }))

test('two tabs within a second: what one of them wrote before it had heard is put right', () =>
  visit('written-late', async (site) => {
    const hold = () => {
      const real = window.setTimeout
      window.later = []
      window.setTimeout = (fn, ms, ...args) => (ms === 1000 ? later.push(fn) : real(fn, ms, ...args))
    }
    const [one, two] = [await site.open('one', hold), await site.open('two', hold)]
    for (const page of [one, two]) await notice(page)
    await one.evaluate(() => heed('consent', { performance: true }))
    await two.evaluate((at) => {
      Date.now = () => at
      heed('consent', { functional: true })
    }, await one.evaluate(() => Date.now()))
    await cookieIs(two, '=1\\.01\\.')
    for (const page of [one, two]) await page.waitForFunction(() => later.length > 1, { polling }) // it closes its channel, and looks once more
    await two.evaluate(() => {
      document.cookie = `heed_written-late=1.05.${Math.floor(Date.now() / 86400000)}.0a1b2c3d.${'ab'.repeat(16)}.${'A'.repeat(22)}; Path=/`
      for (const fn of later) fn()
    })
    await cookieIs(two, '=1\\.01\\.')
  }, { expectErrors: true }))

test('the answer to a yes that comes after the no of another tab does not undo it', () =>
  visit('late-tab', async (site) => {
    const [one, two] = [await site.open('one'), await site.open('two')]
    for (const page of [one, two]) await notice(page)
    await site.answersToTold({ status: 202, delayMs: 4000 }, { status: 202 })
    await one.evaluate(() => heed('consent', 'allow'))
    await site.told(1)
    await two.evaluate(() => {
      const at = Date.now() + 2000
      Date.now = () => at
      heed('consent', 'refuse')
    })
    await cookieIs(two, '=1\\.01\\.') // it has been told
    await one.evaluate((cookie) => { document.cookie = cookie }, sealed('0f', site.cookie)) // as the answer does that is still to come
    await cookieIs(one, '=1\\.41\\.')
  }))

test('the answer to a yes that comes after a no of the same page does not undo it', () =>
  visit('late-own', async (site) => {
    const page = await site.open()
    await notice(page)
    await site.answersToTold({ status: 202, delayMs: 2000 }, { status: 503, retryAfter: '600' })
    await page.evaluate(() => heed('consent', 'allow'))
    await site.told(1)
    await page.evaluate((cookie) => {
      heed('consent', 'refuse')
      document.cookie = cookie // as the answer does that is still to come
    }, sealed('0f', site.cookie))
    await site.told(2) // the answer to the yes has come
    await cookieIs(page, '=1\\.41\\.')
    assert.equal(await page.evaluate(() => heed.consent.performance), false)
  }, { expectErrors: true })) // the browser itself says of the 503

test('an answer puts nothing in the place of a choice that this page has not heard of', () =>
  visit('late-other', async (site) => {
    const page = await site.open()
    await notice(page)
    await site.answersToTold({ status: 202, delayMs: 1000 })
    await page.evaluate(() => heed('consent', 'allow'))
    await site.told(1)
    await page.evaluate((cookie) => { document.cookie = cookie.replace(/\.ab.*/, '; Path=/') }, sealed('01', site.cookie))
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/urgent')))
    await page.evaluate(() => fetch(location.href).then((answer) => answer.text()))
    await cookieIs(page, '=1\\.01\\.')
  }))

test('a withdrawal that could not be told is in the choice that follows it', () =>
  visit('untold-end', async (site) => {
    const page = await site.open()
    await notice(page)
    await page.evaluate(() => heed('consent', 'allow'))
    await cookieIs(page, '=1\\.0f\\.\\d{5}\\.0a1b2c3d\\.')
    await site.answersToTold({ status: 503, retryAfter: '600' })
    await page.evaluate(() => heed('consent', 'refuse'))
    await site.told(2)
    await page.evaluate(() => heed('consent', { functional: true }))
    await page.goto(site.url('next'))
    const last = (await site.told(3)).at(-1).body.consent
    assert.equal(last.event, 'withdraw')
    assert.match(last.ends, /^1\.0f\./)
  }, { expectErrors: true }))

test('what swaps the body of a page takes the notice along, but not the way back to it', () =>
  visit('swapped', async (site) => {
    const page = await site.open()
    await notice(page)
    await page.evaluate(() => document.body.replaceWith(document.createElement('body')))
    await page.evaluate(() => heed('consent', 'show'))
    await notice(page)
    await press(page, 'reject')
    await cookieIs(page, '=1\\.01\\.')
    // The page's own link went too: our button stands in its place, and nothing else.
    await page.waitForFunction(() => [...document.querySelectorAll('div[lang]')].map(({ shadowRoot }) => shadowRoot.querySelectorAll('button').length).join() === '1', { polling })
  }))

test('while the collector cannot seal, a grant waits with its events, and nothing is lost', () =>
  visit('unsealed', async (site) => {
    await site.answersToTold({ status: 503, retryAfter: '600' })
    const page = await site.open()
    await loaded(page)
    await page.evaluate(() => { heed('consent', 'allow'); heed('event', 'waits') })
    const [first] = await site.told(1)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200))) // longer than events gather
    assert.deepEqual(await site.batches(0), [])
    await page.goto(site.url('next'))
    const events = await site.events((all) => atLeast('custom', 1)(all) && atLeast('page', 2)(all))
    for (const { batch } of events) assert.match(batch.body.choice, /^1\.0f\.\d{5}\.0a1b2c3d\.[\da-f]{32}\./)
    const [, second] = await site.told(2)
    assert.equal(second.body.consent.id, first.body.consent.id)
    assert.deepEqual((await stored(page)).keys, ['heed.unsealed'])
  }, { expectErrors: true }))

test('a grant whose seal has not come in a week is asked for again', () =>
  visit('week', async (site) => {
    const page = await site.open('home', () => {
      const day = Math.floor(Date.now() / 86400000) - 8
      if (!document.cookie) document.cookie = `heed_week=1.4f.${day}.0a1b2c3d; Path=/`
    })
    await notice(page)
    assert.deepEqual(await page.evaluate(() => [heed.consent.answered, heed.consent.performance]), [false, false])
    assert.deepEqual([await site.told(0), await site.batches(0)], [[], []])
    await cookieIs(page, '=1\\.0f\\.\\d{5}\\.00000000$') // nor does the wall count it
  }))

test('a choice for another notice asks again, and one that cannot be read grants nothing', () =>
  visit('material', async (site) => {
    const day = Math.floor(Date.now() / 86400000)
    const proof = `${'ab'.repeat(16)}.${'A'.repeat(22)}`
    for (const text of [`1.0f.${day}.ffffffff.${proof}`, `1.0f.${day}.0a1b2c3d.${proof}x`, `2.0f.${day}.0a1b2c3d`, 'junk',
      `1.0f.${day + 5}.0a1b2c3d.${proof}`, `1.8f.${day}.0a1b2c3d`]) {
      const page = await site.open(`home?${encodeURIComponent(text)}`, () => {
        document.cookie = `heed_material=${decodeURIComponent(location.search.slice(1))}; Path=/`
      })
      await notice(page)
      assert.equal(await page.evaluate(() => heed.consent.performance), false, text)
    }
    assert.deepEqual(await site.batches(0), [])
  }))

test('frames of the page follow it and do not ask; frames on another site\'s page do nothing', () =>
  visit('frames', async (site) => {
    const page = await site.open()
    await notice(page)
    await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement('iframe'), { src: 'framed' }))
      document.body.append(Object.assign(document.createElement('iframe'), { src: 'sandboxed', sandbox: 'allow-scripts' }))
    })
    const framed = () => page.evaluate(() => {
      const inner = frames[0]
      return [inner.heed?.consent?.answered, !!inner.document.querySelector('div[lang]')]
    })
    await page.waitForFunction(() => frames[0].heed?.consent)
    assert.deepEqual(await framed(), [false, false])
    await press(page, 'reject')
    await cookieIs(page, '=1\\.01\\.')
    assert.deepEqual(await framed(), [true, false])
    assert.equal((await site.told(0)).length, 1)
  }, { expectErrors: true }))

test('a choice is not lost with a page that is left before the consent script is there', () =>
  visit('unheard-yet', async (site) => {
    const page = await site.open('home', () => {
      const add = Element.prototype.append
      Element.prototype.append = function (...nodes) {
        for (const node of nodes) if (node.heed?.calls) node.removeAttribute('src') // it takes for ever
        return add.apply(this, nodes)
      }
    })
    await loaded(page)
    await page.evaluate(() => heed('consent', 'refuse'))
    const next = await site.open('next', () => {})
    await cookieIs(next, '=1\\.01\\.')
    assert.deepEqual((await stored(next)).keys, [])
  }))

test('a choice that nobody could hear is heard on the next page', () =>
  visit('unheard', async (site) => {
    const page = await site.open('home', () => {
      const add = Element.prototype.append
      Element.prototype.append = function (...nodes) {
        for (const node of nodes) if (node.heed?.calls) node.src = '/unheard/gone.js' // the consent script cannot be had
        return add.apply(this, nodes)
      }
    })
    await loaded(page)
    await page.evaluate(() => heed('consent', 'show')) // no choice: nothing of it is kept
    await page.evaluate(() => heed('consent', 'refuse'))
    await page.waitForFunction(() => localStorage.length)
    assert.equal(await page.evaluate(() => Object.values(localStorage).join()), '"refuse"')
    const next = await site.open('next', () => {})
    await cookieIs(next, '=1\\.01\\.')
    assert.deepEqual((await stored(next)).keys, [])
  }, { expectErrors: true }))

test('a strict policy of the page holds back neither the notice nor its style', () =>
  visit('strict', async (site) => {
    const page = await site.open('home?strict')
    const seen = await notice(page)
    assert.deepEqual([seen.position, seen.colour], ['fixed', 'rgb(1, 2, 3)'])
    await press(page, 'reject')
    await cookieIs(page, '=1\\.01\\.')
  }, { expectErrors: true })) // the page's own inline scripts are held back

test('where nothing can be stored a choice holds for the page, sealed as any other', () =>
  visit('memory', async (site) => {
    const page = await site.open('home', () => {
      Object.defineProperty(document, 'cookie', { get: () => '', set() {} })
      for (const name of ['localStorage', 'sessionStorage']) {
        Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError') } })
      }
    })
    await notice(page)
    await press(page, 'accept')
    const [view] = await site.events(atLeast('page', 1))
    assert.match(view.batch.body.choice, /^1\.0f\.\d{5}\.0a1b2c3d\.[\da-f]{32}\./)
    await page.evaluate(() => heed('consent', 'refuse'))
    assert.equal(await page.evaluate(() => heed.consent.performance), false)
    await page.goto(site.url('next'))
    await notice(page) // nothing was kept, so it asks
    assert.equal((await told(site, 2))[1].consent.event, 'withdraw')
  }))

test('a notice that cannot be fetched leaves a working page, the strict side, and one line', () =>
  visit('no-notice', async (site) => {
    const page = await site.open('home', () => {
      const { fetch } = window
      window.fetch = (url, ...rest) => (String(url).endsWith('.json') ? Promise.reject(new TypeError('gone')) : fetch(url, ...rest))
    })
    await page.waitForFunction(() => performance.getEntriesByType('resource').filter(({ name }) => /\.js$/.test(name)).length > 2)
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)))
    assert.equal(await page.evaluate(() => !document.querySelector('div[lang]') && !heed.consent.performance), true)
    assert.equal((await site.problems()).filter((text) => text.includes('[heed]')).length, 1)
    await page.evaluate(() => heed('consent', 'refuse'))
    await cookieIs(page, '=1\\.01\\.')
  }, { expectErrors: true }))
