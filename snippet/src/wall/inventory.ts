import { Performance } from '../../../consent/categories.ts'
import type { Batch, Held, HeldKind, Name } from '../../../schemas/event.gen.ts'
import { readCookie, type Jar } from '../cookie.ts'
import { dnt, gpc } from '../signals.ts'
import type { Allowed } from '../stub/stub.ts'

/** The wire's limits. */
const maxHeld = 50
const maxNames = 100
const maxName = 128
/** One page in so many reports. */
const every = 4

/** What of a violation is kept: the host and the kind of the request. */
export function heldOf({ blockedURI, effectiveDirective }: SecurityPolicyViolationEvent): Held | undefined {
  if (!/^(https?|wss?):/.test(blockedURI)) return undefined // inline code, data: and the like are the page's own
  const { host, hostname } = new URL(blockedURI)
  const kind = effectiveDirective.replace(/-src(-elem|-attr)?$/, '')
  const known = ['script', 'style', 'img', 'connect', 'frame', 'font', 'media', 'worker', 'object']
  // Policies name only the address that was asked for: one of our own stands for what it redirects to.
  return { host: host === location.host ? 'self' : hostname, kind: (known.includes(kind) ? kind : 'other') as HeldKind }
}

/** What was held back, each host and kind once. */
export function heldHere(events: readonly SecurityPolicyViolationEvent[]): Held[] {
  const all = new Map<string, Held>()
  for (const event of events) {
    const held = heldOf(event)
    if (held) all.set(`${held.host} ${held.kind}`, held)
  }
  return [...all.values()].slice(0, maxHeld)
}

/** Tells the collector what was held back, and with permission to measure under which names things are kept here. */
export function report(site: Jar & { readonly _endpoint: string }, events: readonly SecurityPolicyViolationEvent[], allowed: Allowed): void {
  if (Math.random() * every >= 1) return
  const held = heldHere(events)
  const names = allowed[0] & Performance ? namesHere() : []
  if (!held.length && !names.length) return
  // Names are read by the right of a choice, which the collector looks at itself; what was held back says nothing of anyone.
  const right = names.length ? { choice: readCookie(site._name), gpc: gpc(), dnt: dnt(), names } : {}
  const batch: Batch = { v: 1, sent: Date.now(), events: [], held, ...right }
  void fetch(`${site._endpoint}/ordinary`, { method: 'POST', body: JSON.stringify(batch), keepalive: true, credentials: 'omit' }).catch(() => {})
}

/** Runs that may single someone out are left out of a name: numbers, hex digits, UUIDs. */
export const masked = (name: string): string => name.replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|[\da-f]*\d[\da-f]{3,}|\d+/gi, '#').slice(0, maxName)

function namesHere(): Name[] {
  const found = (place: Name['place'], names: string[]) => [...new Set(names.map(masked))].map((name) => ({ name, place }) as Name)
  try {
    const cookies = document.cookie.split('; ').map((pair) => pair.split('=')[0]!).filter(Boolean)
    return [...found('cookie', cookies), ...found('local', Object.keys(localStorage)), ...found('session', Object.keys(sessionStorage))].slice(0, maxNames)
  } catch {
    return [] // storage is blocked
  }
}
