import type { Rules } from '../../../consent/rules.ts'

/** Rules, and the places where they hold, between spaces; CA- are all regions of CA. First those of no place, last those of all others. */
export type Places = readonly (readonly [rules: Rules, places: string])[]

/** The place that the page's own answer names, as in Server-Timing: heed;desc="US-CA", or "". */
export function pagePlace(): string {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return page?.serverTiming?.find(({ name }) => name === 'heed')?.description ?? ''
}

/** The rules of a place: its own, those of its country, or those of all others; of no place, what was learnt before. */
export function rulesOf(place: string, places: Places, learnt: Rules): Rules {
  const of = (code: string) => places.find(([, codes]) => codes.includes(` ${code} `))?.[0]
  return place ? (of(place) ?? of(place.slice(0, 3)) ?? of('rest')!) : learnt || places[0]![0]
}
