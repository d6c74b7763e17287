// What scripts of the page try to keep, by every way to the browser's stores.
import assert from 'node:assert/strict'
import { engine, go, kept, strengths, test, visit } from './rig.mjs'

/** Runs in the page. Fails of single ways are the browser's or ours to a content blocker's effect. */
async function keep() {
  const frame = document.createElement('iframe')
  document.body.append(frame)
  let asked = 0
  const ways = [
    () => { document.cookie = '_ga=1;path=/' },
    () => { document.cookie = '_ga_old=1;path=/;max-age=09999' },
    () => { document.cookie = '_ga_two=1;max-age=0;path=/;max-age=9999' },
    () => { document.cookie = '_ga_line=1;path=/;max-age=9999\n' },
    () => { document.cookie = { toString: () => (asked++ ? '_ga_turns=1;path=/' : 'cart=0;path=/') } },
    () => { document.cookie = '_fbp=1;path=/;domain=shop.localhost;secure;samesite=none;partitioned' },
    () => cookieStore.set('_ga_store', '1'),
    () => cookieStore.set({ name: '_ga_stored', value: '1' }),
    () => { localStorage._ga = 1 },
    () => localStorage.setItem('_ga_item', 1),
    () => Object.assign(localStorage, { _ga_all: 1 }),
    () => { sessionStorage._ga = 1 },
    () => sessionStorage.setItem('_ga_item', 1),
    () => indexedDB.open('_ga'),
    () => caches.open('_ga'),
    () => { frame.contentDocument.cookie = '_ga_frame=1;path=/' },
    () => frame.contentWindow.localStorage.setItem('_ga_frame', 1),
    () => { document.cookie = 'cart=1;path=/;max-age=9999' },
    () => { localStorage.cart_items = 1 },
  ]
  for (const way of ways) {
    try {
      await way()
    } catch {
      // refused
    }
  }
}

for (const strength of ['off', ...strengths]) {
  test(`nothing is kept that may not be: ${strength}`, () =>
    visit(async ({ open }) => {
      const run = `stores.${strength}.${engine}`
      const page = await open(`/${strength}/trap?trap=plain&run=${run}`)
      await page.waitForFunction(() => window.settled && document.readyState === 'complete')
      if (strength !== 'off') await page.waitForFunction(() => window.heed && 'consent' in heed)
      await page.evaluate(keep)
      await go(page, `/${strength}/probe?run=${run}`)
      const names = await kept(page)
      if (strength === 'off') assert.ok(names.length > 15, `${names}`)
      else assert.deepEqual(names.sort(), ['cookie cart', 'local cart_items'])
    }))
}
