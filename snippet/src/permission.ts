import { Performance, type Categories } from '../../consent/categories.ts'
import { formatChoice, parseChoice, SeenDNT, SeenGPC, Unsent } from '../../consent/choice.ts'
import { permit, type Permit } from '../../consent/permit.ts'
import { readCookie, writeCookie } from './cookie.ts'
import type { Options } from './options.ts'
import { dnt, gpc } from './signals.ts'

/** For how many days a withdrawal that did not arrive is tried again. */
const unsentDays = 7

/** What the visitor allows, read afresh each time: another tab may have changed it. */
export type Permission = {
  readonly _decide: () => Permit
  /** The choice as it travels, "" without one. */
  readonly _text: () => string
  /** Keeps a new choice. withdraws marks it as something that the collector must still be told. */
  readonly _choose: (granted: Categories, withdraws: boolean) => void
  /** Puts text in the place of the choice that was sent, unless the visitor has made a later one. */
  readonly _replace: (sent: string, text: string) => void
  /** Whether the collector must still be told of a withdrawal. */
  readonly _untold: () => boolean
  /** The collector was told by the choice that was sent. */
  readonly _told: (sent: string) => void
}

/** Opens the visitor's choice for one site. */
export function openPermission(options: Options): Permission {
  // Counts where cookies are off, and only for this page load.
  let memory = ''
  const today = () => Math.floor(Date.now() / 86400000)
  const read = () => parseChoice(memory || readCookie(options))

  function text(): string {
    const choice = read()
    return choice ? formatChoice(choice) : ''
  }

  function keep(value: string): void {
    writeCookie(options, value)
    memory = readCookie(options) === value ? '' : value
  }

  function replace(sent: string, value: string): void {
    if (text() === sent && parseChoice(value)) keep(value)
  }

  return {
    _decide: () => permit({ ...options, _day: today(), _gpc: gpc(), _dnt: dnt(), _choice: read() }),
    _text: text,
    _choose(granted, withdraws) {
      const bits = granted | (gpc() ? SeenGPC : 0) | (dnt() ? SeenDNT : 0) | (withdraws ? Unsent : 0)
      keep(formatChoice({ _bits: bits, _day: today(), _notice: options._notice, _proof: '' }))
    },
    _replace: replace,
    _untold() {
      const choice = read()
      if (!choice || today() - choice._day > unsentDays) return false
      return (choice._bits & (Unsent | Performance)) === Unsent
    },
    _told(sent) {
      const choice = parseChoice(sent)
      if (choice) replace(sent, formatChoice({ ...choice, _bits: choice._bits & ~Unsent }))
    },
  }
}
