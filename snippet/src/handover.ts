// What one script hands the next, as the property heed of its <script> element. They are built apart, so these names are
// not shortened.
import type { Categories } from '../../consent/categories.ts'
import type { Rules } from '../../consent/rules.ts'
import type { Age } from '../../schemas/event.gen.ts'
import type { Stub } from './stub/stub.ts'

/** heed(…) as it was called. */
export type Call = readonly [command?: unknown, first?: unknown, second?: unknown]

/** A script's name under the endpoint, and its SRI value. */
export type Named = readonly [name: string, integrity: string]

/** What the loader hands the tracker. */
export type Handed = {
  /** Adds a script of ours to the page and hands it what it needs. */
  readonly add: (script: Named, heed: unknown) => HTMLScriptElement
  readonly rules: Rules
  /** Bits of matrix.gen.ts. */
  readonly links: number
  /** Fetches the consent script and hands it the host. */
  readonly choose: (host: Host) => HTMLScriptElement
  /** What holds back the rest of the page, if anything does. */
  readonly wall: Stub | undefined
  /** Names a view by an id: the first goes on under the name that it had before we loaded the page once more. */
  readonly view: (id: string) => string
}

/** What the loader hands the wall's script. */
export type WallHanded = Omit<Handed, 'wall'> & {
  readonly wall: Stub
  /** The id of the view that goes on, "" before the first. */
  readonly viewed: string
  /** Until when the owner has switched the wall off, in seconds since the Unix epoch; 0 while it is on. */
  readonly off: number
}

/** What the tracker hands the consent script: what both decide by, and a way to tell one another. */
export type Host = Handed & {
  /** As heed('age', …) said; kept nowhere else. */
  age: Age | ''
  /** What can be granted at most: less for minors. */
  most: Categories
  /** The choice of this page load, where cookies are blocked. */
  memory: string
  /** Calls that the consent script has yet to hear. While there are any, nothing begins and nothing is sent. */
  calls: Call[] | { readonly push: (call: Call) => unknown; readonly length?: never }
  /** Decides anew: the choice, the age or the rules have changed. */
  readonly follow: () => void
  /** Tells the owner what is wrong, unless something was told before. */
  readonly warn: (problem: unknown) => void
  /** Takes a call that is not the consent script's. */
  readonly call: (...call: Call) => void
}

/** The element of the running script, with what the script before has put there. */
export type HandingScript = HTMLOrSVGScriptElement & { readonly heed?: unknown }
