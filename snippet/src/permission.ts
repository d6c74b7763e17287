import { Advertising, All } from '../../consent/categories.ts'
import { OptOut, parseChoice, readChoice, Unsent, type Choice } from '../../consent/choice.ts'
import { permit, type Permit } from '../../consent/permit.ts'
import { promptShift } from '../../consent/rules.ts'
import { readCookie, type Jar } from './cookie.ts'
import type { Host } from './handover.ts'
import { dnt, gpc } from './signals.ts'

/** For how many days a choice whose record did not arrive is told again. */
export const unsentDays = 7

/** Where a site's choice is, and what it answers. */
export type Choosing = Jar & {
  /** Id of the notice in force. */
  readonly _notice: string
}

/** What the visitor allows, read afresh each time: another tab may have changed it. */
export type Permission = {
  readonly _choice: () => Choice | undefined
  readonly _decide: () => Permit
  /** The choice's text, "" when there is none that can be read. */
  readonly _text: () => string
  /** It grants what needs a seal, and the seal is on its way. */
  readonly _waits: () => boolean
}

/** Today: days since the Unix epoch, UTC. */
export const today = () => Math.floor(Date.now() / 86400000)

/** Whether there is something to ask here: never in a frame, and never of minors. */
export function isPromptDue(answered: boolean, { rules, most }: Pick<Host, 'rules' | 'most'>): boolean {
  return !answered && !!(most & Advertising && (rules >> promptShift) & 3) && parent === window
}

/** Opens the visitor's choice for one site. */
export function openPermission(site: Choosing, host: Pick<Host, 'rules' | 'memory' | 'most'>): Permission {
  let waits = false // as last read
  const stored = () => host.memory || readCookie(site._name)

  function read(): Choice | undefined {
    const choice = readChoice(stored())
    waits = !!choice && !choice._proof && !(choice._bits & OptOut) && !!(choice._bits & All & ~host.rules)
    if (!choice || !waits) return choice
    waits = !!(choice._bits & Unsent) && today() - choice._day <= unsentDays
    // A seal that has not come in time never will: as a choice for another notice it may only take away.
    return waits ? choice : { ...choice, _notice: '' }
  }

  return {
    _choice: read,
    _decide() {
      const permitted = permit({
        _rules: host.rules, _notice: site._notice, _day: today(), _gpc: gpc(), _dnt: dnt(), _choice: read(),
      })
      return { ...permitted, _granted: permitted._granted & host.most }
    },
    _text: () => (parseChoice(stored()) ? stored() : ''),
    _waits: () => (read(), waits),
  }
}
