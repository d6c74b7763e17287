/** Whether the browser sends Global Privacy Control. */
export function gpc(): boolean {
  return (navigator as { globalPrivacyControl?: unknown }).globalPrivacyControl === true
}

/** Whether the browser sends Do Not Track. */
export function dnt(): boolean {
  return navigator.doNotTrack === '1'
}
