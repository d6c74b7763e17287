// One site's stub: the inline script that a page runs before anything else. While something is undecided or refused it has
// the browser hold back what is not allowed, by a Content-Security-Policy; it tells the consent modes of others, and keeps
// scripts of the page from storing what may not be stored. The build replaces the names in capitals.
import { All, Essential, Functional } from '../../consent/categories.ts'
import type { Wall } from '../../schemas/event.gen.ts'
import { openModes, type Mode } from './stub/modes.ts'
import { clarity } from './stub/modes/clarity.ts'
import { google } from './stub/modes/google.ts'
import { layer } from './stub/modes/layer.ts'
import { meta } from './stub/modes/meta.ts'
import { uet } from './stub/modes/uet.ts'
import { wordpress } from './stub/modes/wordpress.ts'
import type { Places } from './stub/place.ts'
import { raise } from './stub/raise.ts'
import type { Service } from './stub/stub.ts'

declare const ENDPOINT: string
declare const KEY: string
declare const NOTICE: string
declare const COOKIE_NAME: string
declare const CHILDREN: boolean
declare const UNKNOWN_AFTER_GRANT: boolean
declare const STRENGTH: Wall
declare const BASE: string
declare const SERVICES: readonly Service[]
declare const PLACES: Places
/** Whether there are paths at which frames of every host may load; their beginnings. */
declare const HAS_FRAMES: boolean
declare const FRAMES: readonly string[]

declare const HAS_MODES: boolean
declare const MODE_GOOGLE: boolean
declare const MODE_UET: boolean
declare const MODE_CLARITY: boolean
declare const MODE_META: boolean
declare const MODE_WORDPRESS: boolean

/** In the order in which they are told. */
const modes: readonly Mode[] = [
  ...(MODE_GOOGLE ? [google] : []),
  ...(MODE_UET ? [uet] : []),
  ...(MODE_CLARITY ? [clarity] : []),
  ...(MODE_META ? [meta()] : []),
  ...(MODE_WORDPRESS ? [wordpress] : []),
  ...(MODE_GOOGLE ? [layer] : []),
]

raise({
  _endpoint: ENDPOINT,
  _key: KEY,
  _notice: NOTICE,
  _name: COOKIE_NAME,
  _domain: '', // it writes none
  _most: CHILDREN ? Essential | Functional : All,
  _unknownAfterGrant: UNKNOWN_AFTER_GRANT,
  _strength: STRENGTH,
  _base: BASE,
  _services: SERVICES,
  _places: PLACES,
  _frames: HAS_FRAMES && FRAMES.some((path) => location.pathname.startsWith(path)),
  _tell: HAS_MODES ? openModes(modes, SERVICES) : () => {},
})
