// The short-lived script behind the pasted tag. It says by which rules to decide here, and names the immutable scripts,
// which the browser verifies.
import type { Rules } from '../../consent/rules.ts'
import { guard } from './guard.ts'
import type { Handed, Host } from './handover.ts'

declare const ENDPOINT: string
declare const SCRIPT: string
declare const INTEGRITY: string
declare const CONSENT: string
declare const CONSENT_INTEGRITY: string
declare const RULES: Rules
declare const LINKS: number

/** The place that an answer named in its header Server-Timing: heed;desc="US-CA". */
function placeOf(entries: PerformanceEntryList): string {
  const timings = (entries[0] as PerformanceResourceTiming | undefined)?.serverTiming ?? []
  return timings.find(({ name }) => name === 'heed')?.description ?? ''
}

guard(() => {
  const tag = document.currentScript as HTMLScriptElement
  const nonce = tag.nonce // a policy with nonces allows what our tag brings
  const add = (name: string, integrity: string, heed: Handed | Host) => {
    const script = Object.assign(document.createElement('script'), { heed, integrity, crossOrigin: 'anonymous' })
    if (nonce) script.nonce = nonce
    script.src = `${ENDPOINT}/${name}`
    document.head.append(script)
    return script
  }
  // Links that open the choice work from here on, also for whoever clicks before the rest is there. Never prevents one.
  addEventListener('click', guard(({ target }) => {
    if (target instanceof Element && target.closest('[data-heed-choices]')) window.heed?.('consent', 'show')
  }), { capture: true, passive: true })
  const place = placeOf(performance.getEntriesByType('navigation'))
  add(SCRIPT, INTEGRITY, {
    rules: RULES,
    links: LINKS,
    place: placeOf(performance.getEntriesByName(tag.src)) === place ? '' : place,
    choose: (host) => add(CONSENT, CONSENT_INTEGRITY, host),
  })
})()
