/** What f returns, undefined where it throws: as whatever reads what a browser may block. */
export function tried<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch {
    // As where there is nothing.
  }
}
