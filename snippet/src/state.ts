import { Advertising, Functional, Performance } from '../../consent/categories.ts'
import type { Permit } from '../../consent/permit.ts'

/** What heed.consent says, and the detail of the event heed:consent. */
export type ConsentState = {
  /** The visitor has chosen, and the choice counts. */
  readonly answered: boolean
  readonly functional: boolean
  readonly performance: boolean
  readonly advertising: boolean
}

/** Says a decision to the page. */
export function describe({ _answered, _granted }: Permit): ConsentState {
  return Object.freeze({
    answered: _answered,
    functional: !!(_granted & Functional),
    performance: !!(_granted & Performance),
    advertising: !!(_granted & Advertising),
  })
}
