import { listen } from '../listen.ts'
import { referrerName, viewName } from '../stub/left.ts'

/** Why a page cannot be loaded once more now. */
export type Obstacle =
  | 'a form has been changed' | 'the page may not have been asked for by GET' | 'it was loaded once more already' | 'storage is blocked' | 'it was asked for late'

/**
 * Whether the page can be loaded once more for a grant: undefined, or what is in the way. A page does not know by which method
 * it was asked for; one that the visitor came to from another page of the site may be the answer to a form.
 */
export function obstacle(): Obstacle | undefined {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  if (hasChangedForm()) return 'a form has been changed'
  if (page?.type === 'reload') return 'it was loaded once more already'
  if (document.referrer.startsWith(`${location.origin}/`)) return 'the page may not have been asked for by GET'
  return undefined
}

/** Loads the page once more after a grant. */
export function loadAgain(siteKey: string, view: string): Obstacle | undefined {
  if (!keep(siteKey, view)) return 'storage is blocked'
  location.reload()
  return undefined
}

/** Leaves the page for itself after a withdrawal: by GET, whatever it was asked for by, so that nothing is sent twice. */
export function leave(siteKey: string, view: string): Obstacle | undefined {
  if (hasChangedForm()) return 'a form has been changed'
  if (view) keep(siteKey, view)
  location.replace(location.href.replace(/#.*/, ''))
  return undefined
}

/** Leaves to the next load which view goes on, and where it came from. */
function keep(siteKey: string, view: string): boolean {
  try {
    sessionStorage.setItem(referrerName(siteKey), document.referrer)
    if (view) sessionStorage.setItem(viewName(siteKey), view)
    return true
  } catch {
    return false
  }
}

/** Editors, and fields in trees of their own, that the visitor has typed into: no default tells of that. */
const typed = new Set<HTMLElement>()

/** Watches what the visitor types where a look at the page's fields does not see it. */
export function watchTyping(): void {
  listen(document, ['input'], (event) => {
    const [at] = event.composedPath()
    if (!(at instanceof HTMLElement) || (!at.isContentEditable && at === event.target)) return
    if (!isTicked(at as HTMLInputElement)) typed.add(at) // the boxes of our own banner are no form
  })
}

/** Whether the visitor has filled in anything that a reload would lose. */
function hasChangedForm(): boolean {
  return [...document.querySelectorAll<HTMLElement>('input,textarea,select'), ...typed].some((field) => {
    if (!field.isConnected) return false
    if (field instanceof HTMLInputElement) return isChanged(field)
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue
    if (field instanceof HTMLSelectElement) return [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0
    return !!field.textContent?.trim()
  })
}

function isChanged(field: HTMLInputElement): boolean {
  const { type, value, defaultValue } = field
  if (isTicked(field)) return field.checked !== field.defaultChecked
  if (type === 'file') return !!value
  if (type === 'hidden' || value === defaultValue) return false
  // Browsers tidy what a field begins with: the nothing of a slider is its middle.
  const untouched = field.cloneNode() as HTMLInputElement
  untouched.value = defaultValue
  return value !== untouched.value
}

const isTicked = ({ type }: HTMLInputElement): boolean => /^(checkbox|radio)$/.test(type)
