import { guard } from './guard.ts'
import { listen, type Dispose } from './listen.ts'
import type { Feature } from './tracker.ts'

/** Counts the routes of a single-page application as views. */
export const watchRoutes: Feature = (tracker) => {
  let at = tracker._view()._url

  function moved(replaced: boolean): void {
    const from = at
    at = tracker._here()
    if (isNewPage(from, at, replaced)) tracker._visit()
  }

  const stops = [
    patch('pushState', () => moved(false)),
    patch('replaceState', () => moved(true)),
    listen(window, ['popstate'], () => moved(false)),
  ]
  return { _stop: () => stops.forEach((stop) => stop()) }
}

/** Whether a change of address is a new view. Replaced on the same path, an entry only tidies its query. */
export function isNewPage(from: string, to: string, replaced: boolean): boolean {
  return from !== to && !(replaced && from.split('?')[0] === to.split('?')[0])
}

/** Calls moved after each use of a function of history, whose result and errors stay what they were. */
function patch(name: 'pushState' | 'replaceState', moved: () => void): Dispose {
  const original = history[name]
  let tell = guard(moved)
  const patched: typeof original = function (this: History, ...args) {
    original.apply(this, args)
    tell()
  }
  // Throws where the page froze history: then only popstate is seen.
  guard(() => (history[name] = patched))()
  return () => {
    // When someone has wrapped ours in the meantime, it stays in the chain and only passes on.
    tell = () => {}
    if (history[name] === patched) history[name] = original
  }
}
