// Six more ways to other hosts. Under tag and sealed some of them are open, and said to be.
import { arrived, engine, go, saw, test, visit } from './rig.mjs'

/** How many are ways in this engine at all. */
const all = { chromium: 6, firefox: 5, webkit: 4 }[engine]

for (const [strength, least] of Object.entries({ off: all, tag: 4, sealed: 4, header: 0 })) {
  const run = `more.${strength}.${engine}`
  test(`six more ways: ${strength}`, () =>
    visit(async ({ open }) => {
      const page = await open(`/${strength}/choose`)
      await go(page, `/${strength}/more?run=${run}`, () => window.settled)
      await arrived(run, least)
      await saw(run, { ran: [], stored: [] })
    }))
}
