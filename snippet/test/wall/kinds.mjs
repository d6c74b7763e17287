// The 37 kinds of request to a host that nobody declared, under each strength: what arrives, what runs, and what is kept.
import { arrived, engine, go, kept, saw, test, visit } from './rig.mjs'

const undecided = ''
const refused = '1'
/** Links to prefetch are nothing to WebKit, and Firefox may keep them for later. */
const own = engine === 'chromium' ? 4 : 3

async function look(key, run, choice, query, least) {
  await visit(async ({ open }) => {
    const page = await open(`/${key}/choose?granted=${choice}`)
    await go(page, `/${key}/kinds?run=${run}${query}`, () => window.settled)
    await arrived(run, least, own)
    const ran = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement)
      return [...(window.ran ?? []), ...['stylesheet', 'css-import'].filter((kind) => style.getPropertyValue(`--${kind}`))]
    })
    await go(page, `/${key}/probe?run=${run}`)
    await saw(run, { ran, stored: await kept(page) })
  })
}

test('without a wall all 37 get through', async () => {
  const run = `off.${engine}`
  const [least, all] = { chromium: [37, 37], firefox: [36, 37], webkit: [36, 36] }[engine]
  // Firefox forgets a link to prefetch on a busy machine, about every third time.
  for (let visits = 0; visits < 10 && Object.keys((await arrived(run)).arrived).length < all; visits++) await look('off', run, undecided, '', least)
})

/** Where the tag makes the policy, a page that comes in one piece is another thing than one whose first piece is the tag. */
for (const [strength, pieces] of Object.entries({ tag: [1, 2], sealed: [1, 2], header: [1] })) {
  for (const [state, choice] of Object.entries({ undecided, refused })) {
    for (const count of pieces) {
      const row = `${strength}.${state}.${count === 1 ? 'one piece' : 'flushed'}`.replaceAll(' ', '-')
      test(row, () => look(strength, `${row}.${engine}`, choice, count === 1 ? '' : '&flush', 0))
    }
  }
}
