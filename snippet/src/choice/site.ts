import type { ConsentEvent } from '../../../schemas/event.gen.ts'
import type { Named } from '../handover.ts'
import type { Choosing } from '../permission.ts'
import type { Chooser } from './chooser.ts'

/** What the build fixes for the consent script of one site. */
export type ChoosingSite = Choosing & {
  readonly _endpoint: string
  readonly _key: string
  /** The notices there are for this place, as locale.ts reads them. */
  readonly _notices: string
  /** What draws them. */
  readonly _banner: Named
  /** Whether the notices ask for a yes, so that nothing may be ticked before. */
  readonly _optIn: boolean
  /** Whether a button that opens the choice again stands on every page. */
  readonly _button: boolean
  /** Called when a notice asks; again is true where there is a choice that no longer counts. */
  readonly _reports: (chooser: Chooser, shown: string, again: boolean) => void
}

/** By what means something happened. */
export type Means = Omit<ConsentEvent, 'id' | 'created' | 'event' | 'ends'>
