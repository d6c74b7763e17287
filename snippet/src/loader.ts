// The short-lived script behind the pasted tag. It says by which rules to decide here, and names the immutable scripts,
// which the browser verifies.
import type { Rules } from '../../consent/rules.ts'
import { guard } from './guard.ts'
import type { Host, Named, WallHanded } from './handover.ts'
import { leftUnder, viewName } from './stub/left.ts'
import type { Stub } from './stub/stub.ts'

declare const ENDPOINT: string
declare const SCRIPT: Named
/** What a page needs that has a stub, and until when its owner has switched that off. */
declare const WALL: Named
declare const OFF_UNTIL: number
declare const KEY: string
/** The consent scripts that the answers need. */
declare const CONSENTS: readonly [Named, ...Named[]]
/** Whether a button that opens the choice again stands on every page. */
declare const BUTTON: boolean
/** The places at one of which the collector sees this browser, each between spaces. */
declare const PLACES: string
/** What holds at these places, anywhere in their country, and anywhere. */
declare const ANSWERS: readonly (readonly [rules: Rules, links: number, consent: number])[]

/** Which answer holds: where the page's own answer names another place, one that is as strict as either. */
function whichAnswer(): number {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  // Server-Timing: heed;desc="US-CA"
  const place = page?.serverTiming?.find(({ name }) => name === 'heed')?.description
  if (!place || PLACES.includes(` ${place} `)) return 0
  return PLACES.includes(` ${place.slice(0, 2)}`) ? 1 : 2
}

guard(() => {
  const tag = document.currentScript as HTMLScriptElement
  const nonce = tag.nonce // a policy with nonces allows what our tag brings
  const wall = (window.heed as { w?: Stub } | undefined)?.w
  const add = ([name, integrity]: Named, heed: unknown) => {
    const script = Object.assign(document.createElement('script'), { heed, integrity, crossOrigin: 'anonymous' })
    if (nonce) script.nonce = nonce
    script.src = wall ? wall.trust.createScriptURL(name) : `${ENDPOINT}/${name}`
    document.head.append(script)
    return script
  }
  // Links that open the choice work from here on, also for whoever clicks before the rest is there. Never prevents one.
  addEventListener('click', guard(({ target }) => {
    if (target instanceof Element && target.closest('[data-heed-choices]')) window.heed?.('consent', 'show')
  }), { capture: true, passive: true })
  const [rules, links, consent] = ANSWERS[whichAnswer()] ?? [0, 0, 0]
  let left = wall ? leftUnder(viewName(KEY)) : ''
  const handed = {
    add, rules, links, wall, off: OFF_UNTIL, viewed: '',
    choose: (host: Host) => add(CONSENTS[consent] ?? CONSENTS[0], host),
    view(id: string) {
      handed.viewed = left || id
      left = ''
      return handed.viewed
    },
  }
  add(SCRIPT, handed)
  // A page must have a way back to the choice, or its owner wants a button: the consent script sees to it.
  addEventListener('load', guard(() => {
    if (BUTTON || (links & 9 && !document.querySelector('[data-heed-choices]:not(:empty)'))) window.heed?.('link')
  }))
  if (wall) add(WALL, handed as WallHanded)
})()
