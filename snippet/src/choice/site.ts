import type { Site } from '../../../consent/resolve.ts'
import type { ConsentEvent } from '../../../schemas/event.gen.ts'
import type { Choosing } from '../permission.ts'

/** What the build fixes for the consent script of one site. */
export type ChoosingSite = Choosing &
  Pick<Site, '_anonymousCount' | '_exemption'> & {
    readonly _endpoint: string
    readonly _key: string
    /** The notices there are, as locale.ts reads them. */
    readonly _notices: string
    /** Make a record of each time a notice is shown, too. */
    readonly _recordShown: boolean
  }

/** By what means something happened. */
export type Means = Omit<ConsentEvent, 'id' | 'created' | 'event' | 'ends'>
