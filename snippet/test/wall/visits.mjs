// Choices on pages that cannot simply be loaded once more, and pages that come back.
import assert from 'node:assert/strict'
import { arrived, assertAds, came, engine, go, kept, later, loaded, on, trapped } from './rig.mjs'

const { HEED_COLLECTOR: collector } = process.env

/** Withdraws, waits for the page behind it, and then nothing is sent or kept any more. */
async function assertWithdrawn(page, run, strength) {
  await page.evaluate(() => { window.first = true; heed('consent', 'refuse') })
  await page.waitForFunction(() => !window.first && document.readyState === 'complete')
  await loaded(page)
  const { ping } = (await arrived(run)).arrived
  assert.deepEqual(await page.evaluate(() => ran), ['own'])
  await go(page, `/${strength}/probe?run=${run}`)
  assert.deepEqual(await kept(page), [])
  assert.equal((await arrived(run)).arrived.ping, ping)
}

for (const strength of trapped) {
  on('changed form', strength, async ({ open, declared }) => {
    const page = await open(declared)
    await loaded(page)
    await page.type('[name=name]', 'half')
    await page.evaluate(() => heed('consent', 'allow'))
    await later(page)
    assert.deepEqual(await page.evaluate(() => document.querySelector('[name=name]').value), 'half')
    assert.equal(await came(page), 'navigate')
    await assertAds(page, `${declared}&next`)
  })

  on('reload after POST', strength, async ({ open, run, declared, restless }) => {
    const page = await open(declared)
    await loaded(page)
    await page.follow(() => page.click('button'))
    await loaded(page)
    await page.evaluate(() => heed('consent', 'allow'))
    await later(page)
    assert.equal(await came(page), 'navigate')
    await assertAds(page, restless)
    await loaded(page)
    await page.follow(() => page.click('button'))
    await loaded(page)
    await assertWithdrawn(page, run, strength)
    assert.equal((await arrived(run)).own.post, 2)
  })

  on('withdrawal behind a link', strength, async ({ open, run, restless }) => {
    const page = await open(`/${strength}/choose?granted=15`)
    await assertAds(page, restless)
    await loaded(page)
    await assertWithdrawn(page, run, strength)
  })

  on('blocked storage', strength, async ({ open, run }) => {
    const page = await open(`/${strength}/trap?trap=blocked-storage&run=${run}`)
    await loaded(page)
    await page.evaluate(() => heed('consent', 'allow'))
    await page.waitForFunction(() => heed.consent.answered)
    await page.evaluate(() => fetch(location.href))
    assert.deepEqual(await page.evaluate(() => [window.ran ?? [], problems]), [[], []])
    assert.equal(await came(page), 'navigate')
  })

  on('Back after a withdrawal on another page', strength, async ({ open, run, declared }) => {
    const page = await open(`/${strength}/choose?granted=15`)
    await assertAds(page, declared)
    await loaded(page)
    await page.evaluate(() => { window.first = true })
    await go(page, `/${strength}/trap?trap=plain&run=${run}.other`, () => window.settled)
    await loaded(page)
    await page.evaluate(() => { window.second = true; heed('consent', 'refuse') })
    await page.waitForFunction(() => !window.second && window.settled)
    await page.evaluate(() => { setTimeout(() => history.back()) })
    await page.waitForFunction(() => location.pathname.endsWith('declared') && !window.first && document.readyState === 'complete')
    await loaded(page)
    assert.deepEqual(await page.evaluate(() => ran), ['own'])
    await go(page, `/${strength}/probe?run=${run}`)
    assert.deepEqual(await kept(page), [])
  })

  on('merged head', strength, async ({ open, run }) => {
    const page = await open(`/${strength}/choose?granted=15`)
    await go(page, `/${strength}/trap?trap=plain&run=${run}`, () => window.settled)
    await loaded(page)
    // As Turbo does on its way to the next page.
    await page.evaluate(async (address) => {
      const next = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html')
      const there = [...document.head.children].map((element) => element.outerHTML)
      for (const element of next.head.children) if (!there.includes(element.outerHTML)) document.head.append(document.importNode(element, true))
      document.body.replaceWith(document.importNode(next.body, true))
      await fetch(address, { mode: 'no-cors' }).catch(() => {})
    }, `${process.env.HEED_TRACKER}/${run}/merged`)
    assert.deepEqual(await page.evaluate(() => problems), [])
    assert.equal((await arrived(run)).arrived.merged, undefined)
    assert.equal(await page.evaluate(() => heed.consent.advertising), true)
  })
}

on('collector wholly away', 'sealed-away', async ({ open, run }) => {
  const path = `/sealed-away/trap?trap=plain&run=${run}`
  const page = await open(path)
  for (const next of [`${path}&1`, `${path}&2`]) {
    await go(page, next, () => window.settled)
    await page.evaluate(() => heed('consent', 'allow'))
    assert.deepEqual(await page.evaluate(() => [window.ran ?? [], problems]), [[], []])
  }
  assert.deepEqual((await arrived(run)).arrived, {})
})

if (engine === 'chromium') {
  on('prerendering', 'sealed', async ({ open, run, declared }) => {
    const sent = async () => {
      const batches = await (await fetch(`${collector}/control/sealed/events/batches?count=0`)).json()
      return batches.flatMap(({ body }) => body.events).filter(({ url }) => url?.includes(run)).length
    }
    const page = await open('/sealed/choose?granted=15')
    await page.evaluate((url) => {
      const rules = Object.assign(document.createElement('script'), { type: 'speculationrules' })
      rules.text = JSON.stringify({ prerender: [{ urls: [url], eagerness: 'immediate' }] })
      document.head.append(rules)
    }, declared)
    const { own } = await arrived(run, 2, 1)
    assert.equal(own.prerendering, 1)
    assert.equal(await sent(), 0)
  })
}
