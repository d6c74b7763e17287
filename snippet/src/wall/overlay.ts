import type { WallHanded } from '../handover.ts'
import { heldHere } from './inventory.ts'

/** Loads the overlay of the site's owner, by a link that the collector has signed: #heed-overlay=<token>. */
export function loadOverlay({ wall }: WallHanded): void {
  const token = /#heed-overlay=([\w.-]+)/.exec(location.hash)?.[1]
  if (!token) return
  const script = Object.assign(document.createElement('script'), { heed: { held: heldHere(wall.held), stub: wall } })
  script.src = wall.trust.createScriptURL(`overlay.js?t=${token}`)
  document.head.append(script)
}
