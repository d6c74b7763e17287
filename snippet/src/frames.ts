/** Whether a page of another origin shows this one, at whatever depth. */
export function inForeignFrame(): boolean {
  try {
    for (let at: Window = window; at !== at.parent; at = at.parent) at.parent.document // throws across origins
    return false
  } catch {
    return true
  }
}
