import { refuse, replace } from './guards.ts'

/** Closes the ways to other hosts that no policy closes: peer connections, and pages that the browser fetches ahead. */
export function guardReach(isOpen: () => unknown): void {
  for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection']) {
    replace(window, name, ({ value }) => ({
      value: new Proxy(value, { construct: (of, args) => (isOpen() ? new of(...args) : refuse()) }),
    }))
  }
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes as NodeListOf<HTMLScriptElement>) {
        // Rules that name another host, or whatever links there are.
        if (!isOpen() && node.type === 'speculationrules' && /\/\/|selector|not/.test(node.text)) node.remove()
      }
    }
  }).observe(document, { childList: true, subtree: true })
}
