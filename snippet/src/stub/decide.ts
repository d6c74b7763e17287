import { Advertising, Essential, type Categories } from '../../../consent/categories.ts'
import { parseChoice, Partial, readChoice, Unsent, type Choice } from '../../../consent/choice.ts'
import { permit } from '../../../consent/permit.ts'
import type { Rules } from '../../../consent/rules.ts'
import { readCookie, type Jar } from '../cookie.ts'
import { dnt, gpc } from '../signals.ts'
import { load } from '../storage.ts'
import { servicesName } from '../store.ts'
import { Answered, Open, Undecided, type Allowed, type Service } from './stub.ts'

/** What the build fixes for the decisions of one site. */
export type Deciding = Jar & {
  readonly _key: string
  /** Id of the notice in force. */
  readonly _notice: string
  /** What can be granted at most. */
  readonly _most: Categories
  /** A yes to everything frees what nobody declared, too, wherever it was asked for. */
  readonly _unknownAfterGrant: boolean
}

/** Decides what may happen, by the choice and the signals of now. Whether its seal is right is the collector's to say. */
export function decide(site: Deciding, rules: Rules): Allowed {
  const choice = readChoice(readCookie(site))
  const [_gpc, _dnt, _day] = [gpc(), dnt(), Math.floor(Date.now() / 864e5)]
  const { _granted, _answered } = permit({ _rules: rules, _notice: site._notice, _day, _gpc, _dnt, _choice: choice })
  const granted = _granted & site._most
  const services = choice && choice._bits & Partial ? listed(site, choice) : undefined
  const open = granted & Advertising && !services && (rules & Advertising || site._unknownAfterGrant)
  return [granted | (_answered ? Answered : 0) | (choice || _gpc || _dnt ? 0 : Undecided) | (open ? Open : 0), services]
}

/** The services that belong to a choice; none where the list is of another one. */
function listed({ _key }: Deciding, { _bits, _day, _notice }: Choice): readonly string[] {
  const [text = '', ...ids] = load(servicesName(_key)).split(' ')
  const of = parseChoice(text)
  return of?._day === _day && of._notice === _notice && of._bits === (_bits & ~Unsent) ? ids : []
}

/** Whether a service may run, and be spoken with. */
export function isAllowed([bits, services]: Allowed, [id, category]: Service): boolean {
  return !!(category & bits) && (category === Essential || !services || services.includes(id))
}
