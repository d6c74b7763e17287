import type { Categories } from '../../../consent/categories.ts'
import type { Rules } from '../../../consent/rules.ts'
import type { Wall } from '../../../schemas/event.gen.ts'
import type { Trust } from './trust.ts'

/** What may happen on a page: the granted categories with the bits below, and the services allowed of them, if not all. */
export type Allowed = readonly [bits: number, services?: readonly string[] | 0 | undefined]

/** The visitor has made a choice that counts. */
export const Answered = 0x10
/** Nobody has chosen yet, and no signal says no: the hosts of marked services can do no harm. */
export const Undecided = 0x20
/** What nobody declared may run, too. */
export const Open = 0x40

/** A service of the site: id, category, whether all its tags are marked, its hosts with a space before each, and the names that it keeps things under. */
export type Service = readonly [id: string, category: Categories, marked: number, hosts: string, stores: string]

/** What the stub leaves as heed.w. The scripts that take it over are built apart, so these names are not shortened. */
export type Stub = {
  readonly strength: Wall
  /** What was held back so far, at most maxHeld. */
  readonly held: SecurityPolicyViolationEvent[]
  readonly services: readonly Service[]
  /** By which rules it decides: those of the page's place, then any stricter ones that are learnt. */
  rules: Rules
  /** Decides anew. What is refused now is held back from here on; what is granted now needs another load of the page. */
  readonly follow: () => Allowed
  readonly trust: Trust
  /** The visitor has just chosen on this page; a choice made elsewhere allows nothing more before the next one. */
  chosen?: boolean
}

/** Of more than this the rest is not remembered. */
export const maxHeld = 200

/** The name of the cookie by which a site's owner has switched the wall off, in an emergency; the loader sets it. */
export const offName = (cookieName: string): string => `${cookieName}_off`
