import { Advertising, All, type Categories } from './categories.ts'
import { OptOut, SeenDNT, SeenGPC, type Choice } from './choice.ts'
import { daysShift, dntShift, type Rules } from './rules.ts'

/** What the tracker decides by, on every page and before anything else is loaded. */
export type Input = {
  readonly _rules: Rules
  /** Today: days since the Unix epoch, UTC. */
  readonly _day: number
  readonly _gpc: boolean
  readonly _dnt: boolean
  readonly _choice: Choice | undefined
  /** Id of the notice in force. */
  readonly _notice: string
}

/** What may happen. What to show, and why, is for resolve.ts to say. */
export type Permit = {
  readonly _granted: Categories
  /** There is neither a choice nor a signal. */
  readonly _undecided: boolean
  /** The visitor has made a choice that counts, so there is nothing to ask. */
  readonly _answered: boolean
}

/** Decides what may happen. With resolve.ts the twin of resolve.go, which says why each rule is there. */
export function permit({ _choice, _notice, _day, _rules, _gpc, _dnt }: Input): Permit {
  const bits = _choice ? _choice._bits : _rules & All
  const age = _choice?._notice === _notice ? _day - _choice._day : -2
  const answered = age >= -1 && age <= _rules >> daysShift && !(bits & OptOut && !(_rules & Advertising))
  const denies = (on: boolean, seen: number) =>
    _rules & seen ? on || bits & seen : on && !(answered && bits & seen)

  let granted = bits & (answered ? All : _rules & All)
  if (denies(_gpc, SeenGPC)) granted &= ~Advertising
  if (denies(_dnt, SeenDNT)) granted &= _rules >> dntShift
  return {
    _granted: granted,
    _undecided: !(_choice || _gpc || _dnt),
    _answered: answered,
  }
}
