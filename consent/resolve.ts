import { Advertising, All, Performance, type Categories } from './categories.ts'
import { OptOut, SeenDNT, SeenGPC, type Choice } from './choice.ts'
import * as matrix from './matrix.gen.ts'
import { permit } from './permit.ts'
import { CountAllowed, daysShift, dntShift, Merged, ParentAllows, promptShift, type Rules } from './rules.ts'

/** Everything that a decision depends on. The tracker asks permit.ts, with less; what shows something asks this. */
export type Input = {
  /** Today: days since the Unix epoch, UTC. */
  readonly _day: number
  /** "DE", or "US-CA" where the region is known too; "" when nothing is. */
  readonly _place: string
  readonly _matrixVersion: number
  readonly _gpc: boolean
  readonly _dnt: boolean
  /** As readChoice gives it. */
  readonly _choice: Choice | undefined
  /** The choice has no right seal; a browser cannot know. */
  readonly _unproven: boolean
  /** Id of the notice in force. */
  readonly _notice: string
  /** A known minor, or a site for children. */
  readonly _minor: boolean
  /** The site has verified a parent's consent for this visitor. */
  readonly _parentVerified: boolean
  readonly _site: Site
}

/** What the site's owner asserts. */
export type Site = {
  readonly _anonymousCount: boolean
  readonly _exemption: boolean
  readonly _unknownAfterGrant: boolean
  readonly _assumePlace: string
}

/** What may happen, what to show, and why. */
export type Decision = {
  readonly _granted: Categories
  /** Services that nobody declared may run, too. */
  readonly _undeclared: boolean
  readonly _anonymousCount: boolean
  /** 0 none, 1 notice, 2 opt-out, 3 opt-in. */
  readonly _prompt: number
  /** Bits of matrix.gen.ts. */
  readonly _links: number
  readonly _optOutHonoured: boolean
  /** Bits of matrix.gen.ts. */
  readonly _reasons: number
}

const tracking = Performance | Advertising
const optInPrompt = 3
const refusals = matrix.signalGpc | matrix.signalDnt | matrix.latchedGpc | matrix.latchedDnt

/** Decides. The twin of resolve.go, which says why each rule is there; vectors.json binds both. */
export function resolve(input: Input): Decision {
  const [row, links, placeReasons] = findRow(input)
  const age = ageReasons(input, row)
  const rules = rulesFor(row, age, input._site)
  const choice = choiceFor(age, input._choice)
  const state = judge(choice, rules, input)
  // What permit cannot see it is told as a choice for another notice, which may only take away.
  const hidden = state & (matrix.choiceUnreadable | matrix.choiceUnproven)
  const seen = choice && hidden ? { ...choice, _notice: `${input._notice}-` } : choice
  const { _granted, _undecided } = permit({ ...input, _rules: rules, _choice: seen })
  const _anonymousCount = _undecided && !!(rules & CountAllowed)

  const bits = choice?._bits ?? rules & All
  const answered = state === matrix.choiceMade
  const signals =
    signalReason(input._gpc, SeenGPC, { _row: row, _bits: bits, _answered: answered }) |
    signalReason(input._dnt, SeenDNT, { _row: row, _bits: bits, _answered: answered })
  const optedOut = row & Advertising && rules & All & ~bits
  const mayCount = rules & CountAllowed && !(_granted & Performance)
  return {
    _granted,
    _undeclared: !!(_granted & Advertising && (row & Advertising || input._site._unknownAfterGrant)),
    _anonymousCount,
    _prompt: promptFor(row, age, state),
    _links: links,
    _optOutHonoured: !!(signals & refusals || optedOut),
    _reasons:
      state | age | signals | placeReasons |
      (_anonymousCount ? matrix.countsAnonymously : mayCount ? matrix.countObjected : 0),
  }
}

/** What the tracker decides by in a place that has been learnt. The twin of BrowserRules. */
export function browserRules(place: string, site: Site): Rules {
  const [row] = findRow({ _place: place, _site: { ...site, _assumePlace: '' }, _matrixVersion: matrix.matrixVersion })
  return rulesFor(row, 0, site)
}

/** The rules of the place, its links, and why it is not a row of the place's own. */
function findRow({ _place, _site, _matrixVersion }: Pick<Input, '_place' | '_site' | '_matrixVersion'>): [Rules, number, number] {
  const place = _place || _site._assumePlace
  const assumed = place !== _place ? matrix.placeAssumed : 0
  const find = (name: string) => matrix.rows.find(([places]) => places.includes(` ${name} `))
  const known = _matrixVersion === matrix.matrixVersion
  const own = known && place ? (find(place) ?? find(place.slice(0, 2))) : undefined
  const [, rules, links] = own ?? find(known && place ? 'rest' : 'strictest') ?? ['', 0, 0]
  const reason = !known
    ? matrix.otherMatrix
    : !place
      ? matrix.placeUnknown
      : !own
        ? matrix.countryUnknown
        : rules & Merged
          ? matrix.regionUnknown
          : 0
  return [rules, links, assumed | reason]
}

function ageReasons({ _minor, _parentVerified }: Input, row: Rules): number {
  if (!_minor) return 0
  return row & ParentAllows && _parentVerified ? matrix.minor | matrix.parentAllowed : matrix.minor
}

/** The row as it is for this visitor on this site. */
function rulesFor(row: Rules, age: number, { _anonymousCount, _exemption }: Site): Rules {
  const rules = row & ~CountAllowed & ~(age ? tracking : 0)
  const counts = _anonymousCount && (row & CountAllowed || _exemption) && !(rules & Performance)
  return counts ? rules | CountAllowed : rules
}

/** The choice as far as a minor can make one. */
function choiceFor(age: number, choice: Choice | undefined): Choice | undefined {
  return choice && age === matrix.minor ? { ...choice, _bits: choice._bits & ~tracking } : choice
}

/** Whether the choice counts, and if not, why. */
function judge(choice: Choice | undefined, rules: Rules, { _day, _notice, _unproven }: Input): number {
  if (!choice) return matrix.noChoice
  if (choice._day < 0) return matrix.choiceUnreadable
  if (choice._notice !== _notice) return matrix.otherNotice
  if (choice._day > _day + 1) return matrix.choiceFuture
  if (choice._day < _day - (rules >> daysShift)) return matrix.choiceOld
  if (choice._bits & OptOut && !(rules & Advertising)) return matrix.choiceElsewhere
  if (_unproven && choice._bits & All & ~rules) return matrix.choiceUnproven
  return matrix.choiceMade
}

/** The reason that a signal is, if it is one: a refusal now, one from before, or none in face of a later yes. */
function signalReason(
  on: boolean,
  signal: number,
  { _row, _bits, _answered }: { readonly _row: Rules; readonly _bits: number; readonly _answered: boolean },
): number {
  const gpc = signal === SeenGPC
  if (!on) return _bits & _row & signal ? (gpc ? matrix.latchedGpc : matrix.latchedDnt) : 0
  if (_row & signal || !(_answered && _bits & signal)) return gpc ? matrix.signalGpc : matrix.signalDnt
  const denied = gpc ? Advertising : All & ~(_row >> dntShift)
  return _bits & denied ? (gpc ? matrix.yesAfterGpc : matrix.yesAfterDnt) : 0
}

function promptFor(row: Rules, age: number, state: number): number {
  if (state & (matrix.choiceMade | matrix.choiceUnproven) || age === matrix.minor) return 0
  return age ? optInPrompt : (row >> promptShift) & 3
}
