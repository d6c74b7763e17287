// What stands in the wall's way: the strict side, and a page that works.
import assert from 'node:assert/strict'
import { arrived, engine, go, loaded, shop, strengths, test, tracker, trapped, visit } from './rig.mjs'

/** WebKit's driver reads pages with the very functions that these overwrite. */
const readable = ([name]) => engine !== 'webkit' || !name.startsWith('overwritten')

/** By name, whether the scripts that the tag brings can come, and under which strengths a grant cannot take effect. */
const traps = {
  'plain': {},
  'trusted-types': {},
  'trusted-types-of-others': { alone: true, stays: ['sealed'] },
  'nonces': {},
  'strict-dynamic': {},
  'no-unsafe-inline': {},
  'minified': {},
  'delayed': {},
  'blocked-storage': { stays: strengths }, // no choice can be read
  'overwritten-before': { stays: ['sealed'] }, // what tells that something is granted no longer does
  'overwritten-behind': {},
}

for (const strength of trapped) {
  const each = (state, granted, fn) =>
    test(`traps: ${strength}, ${state}`, (t) =>
      visit(async ({ open }) => {
        const page = await open(`/${strength}/choose?granted=${granted}`)
        for (const [name, trap] of Object.entries(traps).filter(readable)) {
          await t.test(name, async () => {
            const run = `trap.${name}.${strength}.${state}.${engine}`
            await go(page, `/${strength}/trap?trap=${name}&run=${run}`, () => window.settled)
            assert.deepEqual(await page.evaluate(() => problems), [])
            if (!trap.alone) await loaded(page)
            await fn(page, trap, run)
          })
        }
      }))

  each('undecided', '', async (page, _, run) => {
    assert.deepEqual(await page.evaluate(() => window.ran ?? []), [])
    const { arrived: counts } = await arrived(run)
    assert.deepEqual(Object.keys(counts).filter((kind) => strength !== 'tag' || /fetch|image/.test(kind)), [])
  })

  each('granted', 15, async (page, { stays = [] }, run) => {
    assert.deepEqual(await page.evaluate(() => window.ran ?? []), stays.includes(strength) ? [] : ['ads-2'])
    const { arrived: counts } = await arrived(run)
    assert.deepEqual([counts.fetch, counts.image], [undefined, undefined])
  })

  test(`late stub: ${strength}`, () =>
    visit(async ({ open }) => {
      const run = `late.${strength}.${engine}`
      const page = await open(`/${strength}/choose`)
      await go(page, `/${strength}/trap?trap=late&run=${run}`, () => window.settled)
      const early = strength === 'header' ? [] : ['early']
      assert.deepEqual([await page.evaluate(() => window.ran ?? []), await page.evaluate(() => problems)], [early, []])
      const { arrived: counts } = await arrived(run)
      assert.deepEqual([counts.fetch, counts.image], [undefined, undefined])
    }))

  for (const [name, sandbox] of [['cross-site frame', ''], ['sandboxed frame', 'sandbox="allow-scripts"']]) {
    test(`${name}: ${strength}`, () =>
      visit(async ({ open }) => {
        const run = `${name.replace(' ', '-')}.${strength}.${engine}`
        const page = await open(`/${strength}/choose?granted=15`)
        const src = `${shop}/${strength}/trap?trap=plain&run=${run}`
        const url = `${tracker.replace('tracker', 'embedder')}/${run}/embed-page?sandbox=${encodeURIComponent(sandbox)}&src=${encodeURIComponent(src)}`
        await page.evaluate((url) => { setTimeout(() => { location.href = url }) }, url)
        await page.waitForFunction(() => window.framed)
        assert.deepEqual(await page.evaluate(() => framed), { ran: [], problems: [] })
      }))
  }
}
