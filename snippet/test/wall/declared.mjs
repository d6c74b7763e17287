// What is declared runs once it is granted, once and in order; and ends with its grant, and takes along what it has kept.
import assert from 'node:assert/strict'
import { arrived, engine, go, kept, loaded, reloaded, strengths, test, visit } from './rig.mjs'

const marked = ['marked-1', 'marked-inline', 'marked-2']

/** Runs fn on a page of the shop that has the visitor's choice still to come. */
const onPage = (name, strength, fn) =>
  test(`${name}: ${strength}`, () =>
    visit(async ({ open }) => {
      const run = `${name.replaceAll(/\W/g, '-')}.${strength}.${engine}`
      const page = await open(`/${strength}/declared?run=${run}`)
      await loaded(page)
      assert.deepEqual(await page.evaluate(() => ran), ['own'])
      await fn(page, run)
    }))

/** Waits until as many things ran as are named, and holds them against the names. */
async function assertRan(page, want) {
  await page.waitForFunction((count) => window.ran?.length >= count, {}, want.length)
  assert.deepEqual(await page.evaluate(() => ran), want)
}

for (const strength of strengths) {
  onPage('marked tags are released in the page, in order', strength, async (page) => {
    await page.evaluate(() => heed('consent', { performance: true }))
    await assertRan(page, ['own', ...marked])
    assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].type), 'navigate')
  })

  onPage('a grant over 304 runs all that is declared, once', strength, async (page, run) => {
    await page.evaluate(() => heed('consent', 'allow'))
    await reloaded(page)
    await page.waitForFunction(() => window.ran?.length >= 6)
    const ran = await page.evaluate(() => ran)
    assert.deepEqual(ran.filter((kind) => !marked.includes(kind)), ['ads-1', 'own', 'ads-2'])
    assert.deepEqual(ran.filter((kind) => marked.includes(kind)), marked)
    const { arrived: counts } = await arrived(run)
    if (strength !== 'tag') assert.deepEqual([counts['ads-1'], counts['ads-2'], counts.classic], [1, 1, undefined])
  })

  onPage('a withdrawal over 304 ends all that is declared, and clears up', strength, async (page, run) => {
    await page.evaluate(() => heed('consent', 'allow'))
    await reloaded(page)
    await page.waitForFunction(() => window.ran?.length >= 6 && window.ready?.then(() => true))
    const before = await kept(page)
    for (const name of ['_ad_path', '_ad_folder', '_ad_partitioned', '_ad_domain']) assert.ok(before.includes(`cookie ${name}`), `${name} of ${before}`)
    for (const place of ['local _ad_ads-1', 'local _ad_property', 'session _ad_ads-1', 'idb _ad_ads-1', 'cache _ad_ads-1', 'local _st_marked-1']) {
      assert.ok(before.includes(place), `${place} of ${before}`)
    }
    assert.equal(before.filter((place) => /^worker /.test(place)).length, 1)
    await page.evaluate(() => { window.first = true; heed('consent', 'refuse') })
    await page.waitForFunction(() => !window.first && document.readyState === 'complete')
    await loaded(page)
    const { ping } = (await arrived(run)).arrived
    assert.ok(ping > 0)
    assert.deepEqual(await page.evaluate(() => ran), ['own'])
    await go(page, `/${strength}/probe?run=${run}`)
    assert.deepEqual(await kept(page), [])
    assert.equal((await arrived(run)).arrived.ping, ping)
  })
}
