// One site's wall: what goes on where the stub has ended. The loader brings it to pages that have a stub. It brings marked
// tags and embeds to life as they are allowed, loads a page once more where that is needed, clears up after a withdrawal,
// and tells the collector what was held back. The build replaces the names in capitals.
import { guard } from './guard.ts'
import type { HandingScript, WallHanded } from './handover.ts'
import { loadOverlay } from './wall/overlay.ts'
import { startWall } from './wall/start.ts'

declare const ENDPOINT: string
declare const KEY: string
declare const COOKIE_NAME: string
declare const COOKIE_DOMAIN: string
declare const WORDS: string
declare const RELOAD_ON_PLACE: boolean

guard(startWall)(
  {
    _endpoint: ENDPOINT,
    _key: KEY,
    _name: COOKIE_NAME,
    _domain: COOKIE_DOMAIN,
    _words: WORDS,
    _reloadOnPlace: RELOAD_ON_PLACE,
    _overlay: loadOverlay,
  },
  (document.currentScript as HandingScript).heed as WallHanded,
)
