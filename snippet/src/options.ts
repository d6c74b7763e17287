import type { Rules } from '../../consent/rules.ts'
import type { Event } from '../../schemas/event.gen.ts'
import type { Jar } from './cookie.ts'
import type { Feature } from './tracker.ts'

/** What the build fixes for one site. */
export type Options = Jar & {
  /** Address up to and including the site's key, without a slash at its end. */
  readonly _endpoint: string
  /** The site's public key. */
  readonly _key: string
  /** Id of the notice in force. */
  readonly _notice: string
  /** What the place and the owner allow. */
  readonly _rules: Rules
  /** Reduces a page view that is counted anonymously. */
  readonly _anonymise: (event: Event) => Event
  /** Makes the address that is reported of the one that the browser shows. */
  readonly _pageURL: (href: string) => string
  /** Run whenever views are counted, anonymously or not. */
  readonly _counting: readonly Feature[]
  /** Run only with a performance grant. */
  readonly _measuring: readonly Feature[]
}
