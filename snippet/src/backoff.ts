const firstMs = 1000
const longestMs = 60_000
/** Nothing waits longer: events older than this are refused. */
const dayMs = 86_400_000

/**
 * How long to wait before the next attempt, in ms. It doubles with each failure in a row and is spread by chance (0 to
 * below 1) over its upper half, so that the browsers that failed together do not return together. Never shorter than
 * retryAfter, the header's seconds; its other form, a date, is not what a collector sends.
 */
export function backoffMs(failures: number, retryAfter: string | null, chance: number): number {
  const own = Math.min(firstMs * 2 ** (failures - 1), longestMs) * (0.5 + chance / 2)
  return Math.min(Math.max(own, Number(retryAfter) * 1000 || 0), dayMs)
}
