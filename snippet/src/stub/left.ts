// What one load of a page leaves to the next, until the tab is closed: never anything before the visitor, or the law of the
// place, allows to keep it.
// The stub writes its own keys out, so that the build makes one text of each.

/** The key of sessionStorage for where a page came from that loads once more. */
export const referrerName = (siteKey: string): string => `heed.${siteKey}.r`

/** The key for the view that goes on. */
export const viewName = (siteKey: string): string => `heed.${siteKey}.v`

/** The key for the rules of a place that the loader has learnt. */
export const rulesName = (siteKey: string): string => `heed.${siteKey}.p`

/** The text that is left under a key, "" where there is none or storage is blocked. */
export function leftUnder(key: string): string {
  try {
    return sessionStorage[key] ?? ''
  } catch {
    return ''
  }
}
