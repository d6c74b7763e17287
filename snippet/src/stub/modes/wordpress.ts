import { Advertising, Essential, Functional, Performance, type Categories } from '../../../../consent/categories.ts'
import type { Mode } from '../modes.ts'

declare global {
  interface Window {
    wp_consent_type?: string
    wp_set_consent?: (category: string, value: string) => void
  }
}

const names: readonly (readonly [name: string, category: Categories])[] = [
  ['functional', Essential],
  ['preferences', Functional],
  ['statistics', Performance],
  ['statistics-anonymous', Performance],
  ['marketing', Advertising],
]

/** The WordPress Consent API. Its plugin keeps what it is told in cookies of its own, so it is told choices only. */
export const wordpress: Mode = ({ _granted }, first) => {
  const tell = () => {
    if (first) document.dispatchEvent(new CustomEvent('wp_consent_type_defined'))
    else for (const [name, category] of names) window.wp_set_consent?.(name, _granted & category ? 'allow' : 'deny')
  }
  // What silence means to the plugin.
  if (first) window.wp_consent_type = _granted & Advertising ? 'optout' : 'optin'
  // Its script and those that listen to it come after this one.
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', tell)
  else tell()
}
