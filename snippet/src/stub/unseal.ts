import { swallowing, type Trust } from './trust.ts'

/** Has the parser swallow the static policy behind the stub. Where that cannot be, the page stays sealed: the strict side. */
export function unseal(trust: Trust): void {
  // Written later, or behind the seal, it would swallow something else, or the whole page.
  if (document.readyState !== 'loading' || document.querySelector('meta[data-heed]')) return
  try {
    document.write(trust.createHTML(swallowing))
  } catch {
    // The page trusts no policy of ours.
  }
}
