import type { Categories } from '../../consent/categories.ts'
import type { Event } from '../../schemas/event.gen.ts'
import type { Handed } from './handover.ts'
import type { Choosing } from './permission.ts'
import type { Feature } from './tracker.ts'

/** What the build and the loader fix for one site and place. */
export type Options = Choosing & {
  /** Address up to and including the site's key, without a slash at its end. */
  readonly _endpoint: string
  /** The site's public key. */
  readonly _key: string
  readonly _handed: Handed
  /** What can be granted at most. */
  readonly _most: Categories
  /** Reduces a page view that is counted anonymously. */
  readonly _anonymise: (event: Event) => Event
  /** Makes the address that is reported of the one that the browser shows. */
  readonly _pageURL: (href: string) => string
  /** Run whenever views are counted, anonymously or not. */
  readonly _counting: readonly Feature[]
  /** Run only with a performance grant. */
  readonly _measuring: readonly Feature[]
}
