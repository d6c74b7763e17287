import { Essential } from '../../../consent/categories.ts'
import type { Wall } from '../../../schemas/event.gen.ts'
import { readCookie } from '../cookie.ts'
import { reachTop } from '../frames.ts'
import type { Call } from '../handover.ts'
import { decide, isAllowed } from './decide.ts'
import { tried } from '../tried.ts'
import { fits, guardStores, replace } from './guards.ts'
import { tell } from './modes/all.ts'
import { pagePlace, rulesOf } from './place.ts'
import { enforce, framesAreFree, policyOf } from './policy.ts'
import { guardReach } from './reach.ts'
import { maxHeld, Open, type Allowed, type Service, type Stub } from './stub.ts'
import { openTrust } from './trust.ts'
import { unseal } from './unseal.ts'

declare const KEY: string
declare const COOKIE_NAME: string
declare const STRENGTH: Wall
/** The policy of what is always allowed. */
declare const BASE: string
declare const SERVICES: readonly Service[]
declare const PLACES: string
declare const HAS_FRAMES: boolean
declare const HAS_MODES: boolean

/** Holds back what is not allowed on this page, and leaves as heed.w what the scripts behind it go on with. */
export function raise(): void {
  const heed = (window.heed ||= function () {
    ;(heed.q ||= []).push(arguments as unknown as Call)
  }) as unknown as { w?: Stub; q?: Call[] }
  if (heed.w) return // pasted twice
  const trust = openTrust()
  // The owner has switched the wall off, in an emergency and for a day.
  if (+readCookie(`${COOKIE_NAME}_off`) > Date.now() / 1000) return unseal(trust)

  const place = pagePlace()
  const referrer = tried(() => sessionStorage[`heed.${KEY}.r`])
  let allowed: Allowed
  let inForce: string | undefined

  const wall: Stub = {
    strength: STRENGTH,
    held: [],
    services: SERVICES,
    rules: rulesOf(place, PLACES, tried(() => sessionStorage[`heed.${KEY}.p`])),
    follow() {
      // On a page that another site shows nothing is asked, and nothing granted.
      allowed = tried(() => (reachTop(), decide(wall.rules))) || [Essential]
      const policy = policyOf(BASE, SERVICES, allowed)
      if (policy && policy !== inForce) {
        inForce = policy
        enforce(HAS_FRAMES && framesAreFree() ? `${policy};frame-src *` : policy)
      }
      if (HAS_MODES) tell(allowed, wall, place)
      return allowed
    },
    trust,
  }
  heed.w = wall
  wall.follow()
  const isOpen = () => allowed[0] & Open
  guardStores((name) => isOpen() || /^heed/.test(name) || SERVICES.some((service) => isAllowed(allowed, service) && fits(name, service[4])))
  guardReach(isOpen)
  // Chromium's own referrer after a reload of ours is the page itself.
  if (referrer) replace(document, 'referrer', () => ({ get: () => referrer }))
  document.addEventListener('securitypolicyviolation', (event) => wall.held.length < maxHeld && wall.held.push(event))
  // A microtask later, when the choice is kept and its record on the way.
  document.addEventListener('heed:consent', () => queueMicrotask(wall.follow))
  // Last, since a page that trusts us with nothing throws here.
  if (isOpen() || (HAS_FRAMES && framesAreFree()) || SERVICES.some((service) => service[3] && !service[2] && isAllowed(allowed, service))) unseal(trust)
}
