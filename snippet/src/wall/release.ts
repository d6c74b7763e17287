import type { Categories } from '../../../consent/categories.ts'
import { guard } from '../guard.ts'
import type { Service } from '../stub/stub.ts'
import { categoriesOf, marked } from './marks.ts'

/** What brings marked scripts to life. */
export type Release = {
  /** Runs what may run now, each once and one after the other, as they stand in the page. */
  readonly _run: () => void
  /** The categories of which something has run. */
  readonly _ran: () => Categories
}

/** Opens the release of a page's marked scripts. may tells whether one may run, as things are when it is asked. */
export function openRelease(services: readonly Service[], may: (script: HTMLElement) => boolean): Release {
  let last = Promise.resolve()
  let ran = 0

  function scripts(): HTMLScriptElement[] {
    return [...document.querySelectorAll<HTMLElement>(marked)].filter((element) => element instanceof HTMLScriptElement)
  }

  return {
    _run() {
      for (const script of scripts()) {
        if (!may(script)) continue
        ran |= categoriesOf(script, services)
        // A choice may have changed while it waited for the one before.
        last = last.then(() => (may(script) ? run(script) : undefined)).catch(() => {})
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
  if (!parent || !script.isConnected) return // it would not be started, and never end
  script.remove()
  if (type) script.type = type
  else script.removeAttribute('type')
  if (src) script.src = src
  script.async = script.hasAttribute('async') // a script that has not started counts as one without order
  const done = script.src && !script.async
    ? new Promise<void>((resolve) => {
        for (const end of ['load', 'error']) script.addEventListener(end, () => resolve())
      })
    : undefined
  guard(() => parent.insertBefore(script, place))()
  return done
}
