import { Essential } from '../../../consent/categories.ts'
import type { Wall } from '../../../schemas/event.gen.ts'
import { readCookie } from '../cookie.ts'
import { inForeignFrame } from '../frames.ts'
import type { Call } from '../handover.ts'
import { decide, isAllowed, type Deciding } from './decide.ts'
import { fits, guardStores } from './guards.ts'
import { leftUnder, referrerName, rulesName } from './left.ts'
import { pagePlace, rulesOf, type Places } from './place.ts'
import { enforce, policyOf } from './policy.ts'
import { guardReach } from './reach.ts'
import { maxHeld, offName, Open, type Allowed, type Service, type Stub } from './stub.ts'
import { openTrust } from './trust.ts'
import { unseal } from './unseal.ts'

/** What the build fixes for one site's wall. */
export type WallOptions = Deciding & {
  readonly _endpoint: string
  readonly _strength: Wall
  /** The policy of what is always allowed. */
  readonly _base: string
  readonly _services: readonly Service[]
  readonly _places: Places
  /** Whether frames of every host may load on this page. */
  readonly _frames: boolean
  /** Tells the consent modes of others what is allowed on a page of this place. */
  readonly _tell: (allowed: Allowed, wall: Stub, place: string) => void
}

/** Holds back what is not allowed on this page, and leaves as heed.w what the scripts behind it go on with. */
export function raise(site: WallOptions): void {
  const { _services, _key, _name } = site
  const heed = (window.heed ??= function () {
    ;(heed.q ??= []).push(arguments as unknown as Call)
  }) as unknown as { w?: Stub; q?: Call[] }
  if (heed.w) return // pasted twice
  const trust = openTrust(site._endpoint)
  const lift = () => site._strength === 'sealed' && unseal(trust)
  // The owner has switched the wall off, in an emergency and for a day.
  if (+readCookie({ _name: offName(_name) }) > Date.now() / 1000) return void lift()

  const _place = pagePlace()
  const referrer = leftUnder(referrerName(_key))
  let allowed: Allowed = [Essential, undefined] // on a page that another site shows nothing is asked, and nothing granted
  let inForce: string | undefined

  const wall: Stub = {
    strength: site._strength,
    held: [],
    services: _services,
    rules: rulesOf(_place, site._places, +leftUnder(rulesName(_key))),
    follow() {
      if (!inForeignFrame()) allowed = decide(site, wall.rules)
      const policy = policyOf(site._base, _services, allowed)
      if (policy && policy !== inForce) enforce(site._frames ? `${policy};frame-src *` : policy)
      inForce = policy
      site._tell(allowed, wall, _place)
      return allowed
    },
    trust,
  }
  heed.w = wall
  document.addEventListener('securitypolicyviolation', (event) => wall.held.length < maxHeld && wall.held.push(event))
  // A microtask later, when the choice is kept and its record on the way.
  document.addEventListener('heed:consent', () => void Promise.resolve().then(wall.follow))
  wall.follow()
  const isOpen = () => !!(allowed[0] & Open)
  const more = (service: Service) => service[1] > Essential && !service[2] && isAllowed(allowed, service)
  if (isOpen() || site._frames || _services.some(more)) lift()
  // Chromium's own referrer after a reload of ours is the page itself.
  if (referrer) Object.defineProperty(document, 'referrer', { get: () => referrer })
  guardStores((name) => isOpen() || name.startsWith('heed') || _services.some((service) => isAllowed(allowed, service) && fits(name, service[4])))
  guardReach(isOpen)
}
