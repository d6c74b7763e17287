import { refuse } from './guards.ts'

/** Closes the ways to other hosts that no policy closes: peer connections, and pages that the browser fetches ahead. */
export function guardReach(isOpen: () => boolean): void {
  const all = window as { RTCPeerConnection?: any; webkitRTCPeerConnection?: any }
  const real = all.RTCPeerConnection
  if (real) {
    all.RTCPeerConnection = all.webkitRTCPeerConnection = new Proxy(real, {
      construct: (of, args) => (isOpen() ? new of(...args) : refuse()),
    })
  }
  // Rules that name another host, or whatever links there are.
  const foreign = ({ type, text }: HTMLScriptElement) => type === 'speculationrules' && /\/\/|selector|not/.test(text)
  if (HTMLScriptElement.supports?.('speculationrules')) {
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) if (!isOpen() && foreign(node as HTMLScriptElement)) (node as ChildNode).remove()
    }).observe(document, { childList: true, subtree: true })
  }
}
