import { Merged, promptShift, type Rules } from '../../../consent/rules.ts'
import { fits } from '../stub/guards.ts'
import type { Service, Stub } from '../stub/stub.ts'

/** A name that is kept here. */
export type Seen = { readonly name: string; readonly place: string }

const categories = ['functional', 'performance', 'advertising'] as const

/** The visitor's decision, as heed.consent tells it. */
export function decisionOf(): string {
  const consent = (window as { heed?: { consent?: Record<string, boolean> } }).heed?.consent
  if (!consent) return 'not known yet'
  const granted = categories.filter((category) => consent[category])
  return `${consent.answered ? 'answered' : 'no answer yet'}; allowed: ${['essential', ...granted].join(', ')}`
}

/** What the rules of the place ask for. */
export function ruleOf(rules: Rules): string {
  const prompt = ['nothing is asked', 'a notice is shown', 'an opt-out is offered', 'consent comes first'][(rules >> promptShift) & 3]!
  return rules & Merged ? `${prompt} (the strictest of several: the place is not known)` : prompt
}

/** The service that declares a host. */
export function declaring(stub: Stub, host: string): Service | undefined {
  return stub.services.find(([, , , hosts]) => fits(host, hosts.trim().replace(/[/:]\S*/g, '')))
}

/** What declares a name, and nothing where nobody does. */
export function nameOf(stub: Stub, name: string): string | undefined {
  if (name.startsWith('heed')) return "Heed's own"
  const service = stub.services.find(([, , , , stores]) => fits(name, stores))
  return service && `${service[0]}, ${['essential', ...categories][Math.log2(service[1])] ?? ''}`
}

/** The names of what scripts can read. */
export function namesHere(): Seen[] {
  const all = (place: string, read: () => string[]): Seen[] => {
    try {
      return read().map((name) => ({ name, place }))
    } catch {
      return [] // storage is blocked
    }
  }
  return [
    ...all('cookie', () => document.cookie.split('; ').map((pair) => pair.split('=')[0]!).filter(Boolean)),
    ...all('local', () => Object.keys(localStorage)),
    ...all('session', () => Object.keys(sessionStorage)),
  ]
}
