import { openModes, type Mode } from '../modes.ts'
import type { Service } from '../stub.ts'
import { clarity } from './clarity.ts'
import { google } from './google.ts'
import { layer } from './layer.ts'
import { meta } from './meta.ts'
import { uet } from './uet.ts'
import { wordpress } from './wordpress.ts'

declare const SERVICES: readonly Service[]
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

/** Tells the site's consent modes what is allowed on a page of this place. */
export const tell = openModes(modes, SERVICES)
