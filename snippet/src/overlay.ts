// The overlay of a site's owner, by a link that heed overlay prints: what the wall does on this page. It is served to whoever
// has that link and to nobody else, so that no visitor meets it. The build replaces the name in capitals.
import { guard } from './guard.ts'
import type { HandingScript } from './handover.ts'
import { showOverlay, type OverlayHanded } from './overlay/show.ts'

declare const TAG: string

guard(showOverlay)(TAG, (document.currentScript as HandingScript).heed as OverlayHanded)
