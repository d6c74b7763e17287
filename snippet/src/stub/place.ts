import type { Rules } from '../../../consent/rules.ts'
import { tried } from '../tried.ts'

/** The place that the page's own answer names, as in Server-Timing: heed;desc="US-CA", if it names one. */
export function pagePlace(): string | undefined {
  return tried(
    () => (performance.getEntriesByType('navigation') as PerformanceNavigationTiming[])[0]!.serverTiming.find(({ name }) => name === 'heed')!.description,
  )
}

/**
 * The rules of a place: its own, those of its country, or those of all others; of no place, what was learnt before. A table has
 * places, each between spaces, before the rules that hold there: first "" as no place; CA- are all regions of CA.
 */
export function rulesOf(place: string | undefined, table: string, learnt: string | undefined): Rules {
  const of = (code: string) => table.split(` ${code} `)[1]?.match(/\d+/)
  return +(place ? (of(place) ?? of(place.slice(0, 3)) ?? of('rest')) : learnt || of(''))!
}
