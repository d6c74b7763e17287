import type { Mode } from '../modes.ts'
import { push, signals } from './google.ts'

/** Google's tag manager: the event by which its triggers hear of a decision, when all vendors have been told. */
export const layer: Mode = ({ _granted }, first) => {
  if (!first) push({ event: 'heed_consent_update', heed_consent: signals(_granted) })
}
