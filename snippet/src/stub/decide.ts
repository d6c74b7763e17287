import { Advertising, Essential, Functional } from '../../../consent/categories.ts'
import { parseChoice, Partial, readChoice, Unsent, type Choice } from '../../../consent/choice.ts'
import { permit } from '../../../consent/permit.ts'
import type { Rules } from '../../../consent/rules.ts'
import { readCookie } from '../cookie.ts'
import { dnt, gpc } from '../signals.ts'
import { tried } from '../tried.ts'
import { Answered, Open, Undecided, type Allowed, type Service } from './stub.ts'

declare const KEY: string
declare const COOKIE_NAME: string
/** Id of the notice in force. */
declare const NOTICE: string
declare const CHILDREN: boolean
/** A yes to everything frees what nobody declared, too, wherever it was asked for. */
declare const UNKNOWN_AFTER_GRANT: boolean

/** Decides what may happen, by the choice and the signals of now. Whether its seal is right is the collector's to say. */
export function decide(rules: Rules): Allowed {
  const choice = readChoice(readCookie(COOKIE_NAME))
  let { _granted, _answered, _undecided } = permit({
    _rules: rules, _notice: NOTICE, _day: (Date.now() / 864e5) | 0, _gpc: gpc(), _dnt: dnt(), _choice: choice,
  })
  if (CHILDREN) _granted &= Essential | Functional
  const services = choice && choice._bits & Partial && listed(choice)
  const open = _granted & Advertising && !services && (UNKNOWN_AFTER_GRANT || rules & Advertising)
  return [_granted | (_answered ? Answered : 0) | (_undecided ? Undecided : 0) | (open ? Open : 0), services]
}

/** The services that belong to a choice; none where the list is of another one. */
function listed({ _bits, _day, _notice }: Choice): readonly string[] {
  // Under servicesName(KEY), as one text.
  const [text, ...ids] = `${tried(() => localStorage[`heed.${KEY}.s`])}`.split(' ')
  const of = parseChoice(text!)
  return of?._day === _day && of._notice === _notice && of._bits === (_bits & ~Unsent) ? ids : []
}

/** Whether a service may run, and be spoken with. */
export function isAllowed([bits, services]: Allowed, [id, category]: Service): boolean {
  return !!(category & bits) && (category === Essential || !services || services.includes(id))
}
