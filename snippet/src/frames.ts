import { tried } from './tried.ts'

/** Throws where a page of another origin shows this one, at whatever depth. */
export function reachTop(): void {
  for (let at: Window = window; at !== at.parent; at = at.parent) at.parent.document
}

/** Whether a page of another origin shows this one, at whatever depth. */
export function inForeignFrame(): boolean {
  return !tried(() => {
    reachTop()
    return true
  })
}
