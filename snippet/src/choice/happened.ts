import { Advertising, All, Essential, type Categories } from '../../../consent/categories.ts'
import { formatChoice, OptOut, SeenDNT, SeenGPC, type Choice } from '../../../consent/choice.ts'
import type { ConsentEvent } from '../../../schemas/event.gen.ts'

/** What a consent event says of what came before and what comes. */
export type Happened = Pick<ConsentEvent, 'event' | 'ends'>

/**
 * What it is to grant next after before, by the rules of consent/record: only a sealed grant can be ended. fewer says that a
 * service is no longer allowed that was.
 */
export function happened(before: Choice | undefined, next: Categories, asked: Categories = All, fewer = false): Happened {
  const ends = before?._proof ? { ends: formatChoice(before) } : {}
  if (before?._proof && (fewer || before._bits & ~next & All)) return { event: 'withdraw', ...ends }
  if (next === Essential) return { event: 'reject' }
  return { event: next === (asked | Essential) ? 'accept' : 'custom', ...ends }
}

/** What a choice tells of itself that was stored and not told: a signal leaves a bit and takes away nothing but advertising. */
export function untold({ _bits }: Choice): Happened & Pick<ConsentEvent, 'method'> {
  const left = _bits & All
  if (_bits & OptOut && left !== Essential && !(left & Advertising)) {
    if (_bits & SeenGPC) return { event: 'gpc', method: 'signal' }
    if (_bits & SeenDNT) return { event: 'dnt', method: 'signal' }
  }
  return { ...happened(undefined, left), method: 'api' }
}
