let warned = false
let tell = (problem: unknown) => console.warn('[heed]', problem)

/** Tells the site's owner what is wrong, once per page load: a console is theirs, not ours. */
export function warn(problem: unknown): void {
  if (warned) return
  warned = true
  tell(problem)
}

/** Leaves it to another script to tell, so that two together tell once. */
export function warnBy(other: (problem: unknown) => void): void {
  tell = other
}

/** Wraps fn so that no exception of ours escapes into the page. Every entry point and listener goes through here. */
export function guard<Args extends unknown[]>(fn: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      fn(...args)
    } catch (problem) {
      try {
        warn(problem)
      } catch {
        // Even the console was replaced by something that throws.
      }
    }
  }
}
