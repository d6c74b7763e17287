import type { Categories } from '../../../consent/categories.ts'
import { guard } from '../guard.ts'
import type { Allowed, Service } from '../stub/stub.ts'
import { categoriesOf, marked, mayLive } from './marks.ts'

/** What brings marked scripts to life. */
export type Release = {
  /** Runs what may run now, each once and one after the other, as they stand in the page. */
  readonly _run: (allowed: Allowed) => void
  /** The categories of which something has run. */
  readonly _ran: () => Categories
}

/** Opens the release of a page's marked scripts. */
export function openRelease(services: readonly Service[]): Release {
  let last = Promise.resolve()
  let ran = 0

  function scripts(): HTMLScriptElement[] {
    return [...document.querySelectorAll<HTMLElement>(marked)].filter((element) => element instanceof HTMLScriptElement)
  }

  return {
    _run(allowed) {
      for (const script of scripts()) {
        if (!mayLive(script, services, allowed)) continue
        ran |= categoriesOf(script, services)
        last = last.then(() => run(script)).catch(() => {})
      }
    },
    _ran: () => ran,
  }
}

/** Runs a script, and waits for one that has to be fetched and that others may need. */
function run(script: HTMLScriptElement): Promise<void> | undefined {
  const { type, src } = script.dataset
  if (script.type !== 'text/plain') return // it ran already
  // A script of no known type has not been started: put back as one of a known type, it is. What the page trusts of it, its
  // nonce and its text, goes with it.
  const place = script.nextSibling
  const parent = script.parentNode
  if (!parent) return
  script.remove()
  if (type) script.type = type
  else script.removeAttribute('type')
  if (src) script.src = src
  script.async = script.hasAttribute('async') // a script that has not started counts as one without order
  const done = script.src && !script.async
    ? new Promise<void>((resolve) => {
        script.onload = script.onerror = () => resolve()
      })
    : undefined
  guard(() => parent.insertBefore(script, place))()
  return done
}
