import { Advertising, Functional, Performance, type Categories } from '../../../../consent/categories.ts'
import { word, type Mode } from '../modes.ts'

declare global {
  interface Window {
    dataLayer?: { push(entry: unknown): unknown }
  }
}

/** As place.ts has them. */
declare const PLACES: string
/** Whether the places that the matrix tells apart may decide where the page knows none. */
declare const REGIONS: boolean

/** How long Google's tags wait for an answer before they go by the default, in ms. */
const waitMs = 500

/** Adds to the queue of Google's tags. They replace its push, so nobody may keep that. */
export const push = (entry: unknown) => (window.dataLayer ||= []).push(entry)

// What is pushed has to be the Arguments object itself: an array is data to these tags, and no command.
const gtag: (...command: unknown[]) => void = function () {
  push(arguments)
}

/** Google Consent Mode v2. */
export const google: Mode = ({ _granted, _anywhere }, first) => {
  if (!first) return gtag('consent', 'update', signals(_granted))
  gtag('consent', 'default', { ...signals(_granted), wait_for_update: waitMs })
  // Google learns where the visitor is also where the page does not; the more specific region wins there.
  if (REGIONS && _anywhere) {
    for (const [, places, digits] of PLACES.matchAll(/(\D+)(\d+)/g)) {
      const rules = +digits!
      if (rules & (Functional | Performance | Advertising)) gtag('consent', 'default', { ...signals(rules), region: places!.match(/\b[A-Z]{2}(-[A-Z]{2})?(?= )/g) })
    }
  }
  gtag('set', { ads_data_redaction: true, url_passthrough: false })
}

/** All seven signals. */
export function signals(granted: Categories) {
  const ad = word(granted & Advertising)
  const functional = word(granted & Functional)
  return {
    ad_storage: ad,
    ad_user_data: ad,
    ad_personalization: ad,
    analytics_storage: word(granted & Performance),
    functionality_storage: functional,
    personalization_storage: functional,
    security_storage: 'granted',
  }
}
