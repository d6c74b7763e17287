import type { Wall } from '../../../schemas/event.gen.ts'
import type { Trust } from './trust.ts'

declare const STRENGTH: Wall

/** Has the parser swallow the static policy behind the stub. Where that cannot be, the page stays sealed: the strict side. */
export function unseal(trust: Trust): void {
  // Written later, or behind the seal, it would swallow something else, or the whole page.
  if (STRENGTH === 'sealed' && document.readyState === 'loading' && !document.querySelector('meta[data-heed]')) document.write(trust.createHTML(''))
}
