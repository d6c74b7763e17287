/** Runs fn once the page is shown to someone: a prerendered page may never be. */
export function whenActive(fn: () => void): void {
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener('prerenderingchange', fn, { once: true })
  } else {
    fn()
  }
}
