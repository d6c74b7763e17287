import { Advertising, All, Essential, Performance, type Categories } from './categories.ts'
import { SeenDNT, SeenGPC, type Choice } from './choice.ts'

/** How many days a choice counts. */
export const choiceDays = 180

/** Everything that a decision depends on. The place is not among it while the matrix has one row. */
export type Input = {
  /** Today: days since the Unix epoch, UTC. */
  readonly _day: number
  readonly _gpc: boolean
  readonly _dnt: boolean
  readonly _choice: Choice | undefined
  /** Id of the notice in force. */
  readonly _notice: string
  /** The owner wants page views counted without consent, and asserts the exemption that allows it. */
  readonly _anonymousCount: boolean
  readonly _exemption: boolean
}

/** What may happen. Why is the collector's to say. */
export type Decision = {
  readonly _granted: Categories
  readonly _anonymousCount: boolean
  /** The visitor has made a choice that counts, so there is nothing to ask. */
  readonly _answered: boolean
}

/** Decides. The twin of resolve.go; vectors.json binds both. */
export function resolve(input: Input): Decision {
  const { _day, _gpc, _dnt, _choice, _notice } = input
  const age = _choice?._notice === _notice ? _day - _choice._day : -2
  const answered = age >= -1 && age <= choiceDays
  const bits = answered && _choice ? _choice._bits : Essential

  // A choice made with the signal in sight is the visitor's later and more specific word.
  let granted = (bits & All) | Essential
  if (_gpc && !(bits & SeenGPC)) granted &= ~Advertising
  if (_dnt && !(bits & SeenDNT)) granted &= ~(Advertising | Performance)

  return {
    _granted: granted,
    _anonymousCount: input._anonymousCount && input._exemption && !_gpc && !_dnt && !answered,
    _answered: answered,
  }
}
