/** Text and addresses in the form in which the page takes them where it takes no plain ones (Trusted Types). */
export type Trust = { readonly createHTML: (text: string) => string; readonly createScriptURL: (url: string) => string }

/**
 * What makes a parser swallow the element that comes next: its attributes go on until that one ends. It needs no mark at the
 * end that a minifier could strip.
 */
export const swallowing = '<meta http-equiv=x content=x x='

/** Lets through what is ours. A page that allows no policy of this name may not need one. */
export function openTrust(endpoint: string): Trust {
  const only = (pattern: (text: string) => boolean) => (text: string) => (pattern(text) ? text : '')
  const rules = { createHTML: only((text) => text === swallowing), createScriptURL: only((url) => url.startsWith(endpoint)) }
  try {
    return (window as any).trustedTypes.createPolicy('heed', rules)
  } catch {
    return rules
  }
}
