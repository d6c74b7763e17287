import { All, Essential, Functional, Performance } from '../../../consent/categories.ts'
import { readCookie, writeCookie, type Jar } from '../cookie.ts'
import { guard } from '../guard.ts'
import type { WallHanded } from '../handover.ts'
import { listen } from '../listen.ts'
import { tabsName } from '../store.ts'
import { isAllowed } from '../stub/decide.ts'
import { referrerName, rulesName, viewName } from '../stub/left.ts'
import { offName, Open, Undecided, type Allowed, type Service } from '../stub/stub.ts'
import { nameAreas } from './areas.ts'
import { clear, clearWorkers } from './clear.ts'
import { openEmbeds } from './embeds.ts'
import { heldHere, heldOf, report } from './inventory.ts'
import { hostOf, isHostOf, marked, mayLive, serviceOf } from './marks.ts'
import { isRefused, isSwept, isWithdrawn } from './names.ts'
import { tell } from './panel.ts'
import { openRelease } from './release.ts'
import { leave, loadAgain, obstacle, watchTyping, type Obstacle } from './reload.ts'
import { openWords } from './words.ts'

/** What the build fixes for the wall's script of one site. */
export type WallSite = Jar & {
  readonly _endpoint: string
  readonly _key: string
  /** Name of the words under the endpoint. */
  readonly _words: string
  /** Load a page once more where its place turns out to allow more than its stub knew. */
  readonly _reloadOnPlace: boolean
  /** Loads the owner's overlay, where the page's address asks for it. */
  readonly _overlay: (handed: WallHanded) => void
}

/** Goes on where the stub has ended: brings to life what is allowed, and clears up what no longer is. */
export function startWall(site: WallSite, handed: WallHanded): void {
  const stub = handed.wall
  const { services } = stub
  const words = openWords(`${site._endpoint}/${site._words}`)
  let now = stub.follow()
  /** What was allowed when each policy came into force; what it was before a choice that was faster than this script, nobody knows. */
  const inForce: Allowed[] = [stub.chosen ? [Essential] : now]
  stub.chosen = false
  /** The page has been read, and has told what of it was held back. */
  let isRead = document.readyState !== 'loading'
  /** The page is about to go. */
  let goesNow = false
  /** The visitor has been told that the choice waits for the next page. */
  let waits = false
  const may = (element: HTMLElement) => !goesNow && mayLive(element, services, now)
  const release = openRelease(services, may)
  const embed = openEmbeds(services, words, { _allowed: () => now, _may: may })

  /** Follows a decision. What is allowed more counts here only where it was chosen here. */
  function follow(leaves = true): void {
    const before = now
    now = stub.follow()
    inForce.push(now)
    const chosen = stub.chosen
    stub.chosen = false
    if (chosen) goesNow = waits = false
    if (losesAny(before, now)) void withdraw(before, leaves).then(guard(() => chosen && proceed()))
    else if (chosen) proceed()
    else if (losesAny(now, before)) now = before // until the next page
  }

  /** Brings to life what may be, by one more load of the page where the policies in force stand in the way. */
  function proceed(): void {
    if (inForce.some((then) => losesAny(now, then))) {
      if (!isRead) return // what it will ask for is not known yet
      if (!waits && isOwedAny()) go(again())
    }
    if (goesNow) return // what runs now would run twice
    release._run()
    embed()
    sweep()
  }

  /** Whether the page has asked for anything that is allowed and held back all the same, or would as soon as it may. */
  function isOwedAny(): boolean {
    return (
      heldHere(stub.held).some(({ host }) => isOwed(host)) ||
      [...document.querySelectorAll<HTMLElement>(marked)].some((element) => {
        const service = serviceOf(element, services)
        // What stands in the page itself asks for the hosts of its service once it runs.
        return mayLive(element, services, now) && (isOwed(hostOf(element)) || (service && service[3] && isHeld(service)))
      })
    )
  }

  const isOwed = (host: string) =>
    inForce.some((then) => now[0] & Open & ~then[0]) || services.some((service) => isAllowed(now, service) && isHostOf(service, host) && isHeld(service))

  /** Whether a policy in force holds back a service's hosts: none can be made looser. */
  const isHeld = (service: Service) => inForce.some((then) => !isAllowed(then, service) && !(service[2] && then[0] & Undecided))

  const again = () => obstacle() ?? loadAgain(site._key, handed.viewed)

  const losesAny = (from: Allowed, to: Allowed) =>
    !!((All | Open) & from[0] & ~to[0]) || services.some((service) => isAllowed(from, service) && !isAllowed(to, service))

  /** What was kept goes; and so does the page, where something has run in it that may no longer: it would run on. */
  async function withdraw(before: Allowed, leaves: boolean): Promise<void> {
    await Promise.all([
      clear((name) => isWithdrawn(name, services, now)),
      clearWorkers((path) => isRefused(path, services, now)),
    ])
    // With an age, which nothing keeps, the next load would begin as this one did, and so leave for ever.
    if (leaves && stub.rules >= 0 && hasRun(before)) go(leave(site._key, now[0] & Performance ? handed.viewed : ''))
  }

  /** Whether something runs here that may no longer. */
  function hasRun(before: Allowed): boolean {
    const lost = services.filter((service) => isAllowed(before, service) && !isAllowed(now, service))
    const fetched = performance.getEntriesByType('resource').map(({ name }) => new URL(name).hostname)
    return (
      !!(before[0] & Open) || !!(release._ran() & before[0] & ~now[0]) ||
      lost.some((service) => service[1] & release._ran() || fetched.some((host) => isHostOf(service, host)))
    )
  }

  /** Has the page go now. Where something is in the way, the visitor is told that the choice waits for the next one. */
  function go(inTheWay: Obstacle | undefined): void {
    goesNow = !inTheWay
    if (!inTheWay) return
    waits = true
    say(`counts from the next page on: ${inTheWay}`)
    words().then(({ later }) => tell(later)).catch(() => {})
  }

  function sweep(): void {
    clear((name) => isSwept(name, services, now)).catch(() => {})
  }

  /** What the collector knows of the place: stricter rules hold at once, looser ones from the next page on. */
  function learn(): void {
    const { rules } = handed
    const more = rules & All & ~stub.rules
    guard(() => {
      // Where the law lets a page keep things unasked.
      const kept = rulesName(site._key)
      if (more && rules & Functional) sessionStorage.setItem(kept, `${rules}`)
      else if (sessionStorage.getItem(kept) !== `${rules}`) sessionStorage.removeItem(kept)
      // Taken by now; on the next page they would be wrong, and after a withdrawal they may not stay.
      for (const name of [viewName, referrerName]) sessionStorage.removeItem(name(site._key))
    })()
    if (stub.rules & All & ~rules) {
      stub.rules = rules
      follow(false) // the next load would find the same place in the page's answer, and so leave for ever
    } else if (more && site._reloadOnPlace && stub.held.length) goesNow = !again()
  }

  /** The owner has switched the wall off. The next pages know it without us, for an hour: so one that is on again comes back. */
  function yieldTo(until: number): void {
    const jar = { ...site, _name: offName(site._name) }
    writeCookie(jar, `${until}`, 1 / 24)
    if (readCookie(jar._name)) go(leave(site._key, handed.viewed))
  }

  if (handed.off > Date.now() / 1000) return yieldTo(handed.off)
  nameAreas()
  watchTyping()
  learn()
  proceed()
  site._overlay(handed)
  // After the stub, which hears of it a microtask later.
  listen(document, ['heed:consent'], () => void Promise.resolve().then(() => Promise.resolve().then(guard(() => follow()))))
  listen(window, ['pageshow'], (event) => {
    if (!(event as PageTransitionEvent).persisted) return
    goesNow = false
    follow()
    proceed()
  })
  // Another tab may have taken back a service, of which the tracker sees nothing.
  listen(window, ['storage'], (event) => {
    if ((event as StorageEvent).key === tabsName(site._key)) follow()
  })
  listen(document, ['prerenderingchange'], proceed)
  // A task later: browsers tell of what they held back by tasks, too.
  listen(document, ['DOMContentLoaded'], () => setTimeout(guard(() => {
    isRead = true
    proceed()
  })))
  let reported = false
  listen(document, ['visibilitychange'], () => {
    if (document.visibilityState !== 'hidden') return follow() // tabs may see each other's cookies late
    sweep()
    if (!reported) report(site, stub.held, now)
    reported = true
  })
  listen(document, ['securitypolicyviolation'], (event) => {
    const violation = event as SecurityPolicyViolationEvent
    say(`held back: ${violation.blockedURI}`)
    // Behind the yes. A page that is all there, or in which something has run, is not taken from the visitor any more.
    const held = heldOf(violation)
    if (!held || !isRead || goesNow || waits || !isOwed(held.host)) return
    go(document.readyState === 'complete' || release._ran() ? 'it was asked for late' : again())
  })
}

/** A line for the owner, who develops on a machine of their own. */
function say(text: string): void {
  if (isDevelopment()) console.info('[heed]', text)
}

const isDevelopment = (): boolean => /^(localhost|127\.|\[::1\]|.*\.(localhost|test|local)$)/.test(location.hostname)
