import { referrerName, viewName } from '../stub/left.ts'

/** Why a page cannot be loaded once more now. */
export type Obstacle = 'a form has been changed' | 'the page may not have been asked for by GET' | 'it was loaded once more already' | 'storage is blocked'

/**
 * Whether the page can be loaded once more without harm: undefined, or what is in the way. A page does not know by which
 * method it was asked for; one that the visitor came to from another page of the site may be the answer to a form.
 */
export function obstacle(again: boolean): Obstacle | undefined {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  if (hasChangedForm()) return 'a form has been changed'
  if (document.referrer.startsWith(`${location.origin}/`) && page?.type === 'navigate') return 'the page may not have been asked for by GET'
  if (page?.type === 'reload' && !again) return 'it was loaded once more already'
  return undefined
}

/** Loads the page once more. With view, the view goes on under its id, and came from where it came from. */
export function loadAgain(siteKey: string, view: string): Obstacle | undefined {
  try {
    if (view) {
      sessionStorage.setItem(viewName(siteKey), view)
      sessionStorage.setItem(referrerName(siteKey), document.referrer)
    }
  } catch {
    return 'storage is blocked'
  }
  location.reload()
  return undefined
}

/** Whether the visitor has filled in anything that a reload would lose. */
function hasChangedForm(): boolean {
  return [...document.querySelectorAll<HTMLElement>('input,textarea,select,[contenteditable]')].some((field) => {
    if (field instanceof HTMLInputElement && /^(checkbox|radio)$/.test(field.type)) return field.checked !== field.defaultChecked
    if (field instanceof HTMLInputElement) return field.type !== 'hidden' && field.value !== field.defaultValue
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue
    if (field instanceof HTMLSelectElement) return [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0
    return field === document.activeElement // an editor that is being typed into
  })
}
