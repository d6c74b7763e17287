import { tried } from '../tried.ts'

/** What the page takes where it takes no plain text and addresses (Trusted Types). Whatever it is asked for, only what is ours comes out. */
export type Trust = {
  /** What makes a parser swallow the element that comes next. */
  readonly createHTML: (text: string) => string
  /** The address of a script of ours, by its name under the endpoint. */
  readonly createScriptURL: (name: string) => string
}

declare const ENDPOINT: string

/** Opens the trust of this page. One that allows no policy of this name may not need one. */
export function openTrust(): Trust {
  const rules: Trust = {
    // Its attributes go on until the next element ends: it needs no mark at the end that a minifier could strip.
    createHTML: () => '<meta http-equiv=x content=x x=',
    createScriptURL: (name) => `${ENDPOINT}/${name}`,
  }
  return tried(() => (window as any).trustedTypes.createPolicy('heed', rules)) ?? rules
}
