import { Advertising, All, Performance } from '../../consent/categories.ts'
import { Unsent } from '../../consent/choice.ts'
import type { Permit } from '../../consent/permit.ts'
import { CountAllowed } from '../../consent/rules.ts'
import { readEvent } from './calls.ts'
import { frame } from './frame.ts'
import { guard, warn } from './guard.ts'
import type { Call, Host } from './handover.ts'
import { listen } from './listen.ts'
import type { Options } from './options.ts'
import { isPromptDue, openPermission } from './permission.ts'
import { dnt, gpc } from './signals.ts'
import { describe, type ConsentState } from './state.ts'
import { load, save } from './storage.ts'
import { storeName, unheardName } from './store.ts'
import { startTracker, type Running } from './tracker.ts'
import { forgetVisitor, visitorId } from './visitor.ts'

/** How much is allowed, in this order. */
const silent = 0
const anonymous = 1
const full = 2

/** What the page can ask for. */
export type Commands = {
  /** Begins to follow the visitor's choice, and takes what was called before. */
  readonly _start: (calls: readonly Call[]) => void
  readonly _consent: () => ConsentState
  readonly _call: (...call: Call) => void
}

/** Follows the visitor's choice, and tracks exactly while it allows. What makes a choice is the consent script's. */
export function run(options: Options): Commands {
  const waiting: Call[] = []
  const host: Host = {
    ...options._handed,
    age: '',
    most: options._most,
    memory: '',
    calls: waiting,
    follow() {
      if (!follow(false)) tracker?._resume()
    },
    call,
    warn,
  }
  const permission = openPermission(options, host)
  const sentAnonymously: string[] = []
  let level = -1 // none yet
  let tracker: Running | undefined
  let announced = 0 // nothing: essential is always granted
  let asked = false

  /** Follows the choice as it is now. With tighten a looser one has to wait for the next page. */
  function follow(tighten: boolean): boolean {
    if (host.calls.length) return false
    const permitted = permission._decide()
    const { _granted, _undecided, _answered } = permitted
    const next = _granted & Performance ? full : _undecided && host.rules & CountAllowed ? anonymous : silent
    const changes = tighten ? next < level : next !== level
    if (changes) {
      level = next
      tracker?._stop()
      if (next !== full) {
        save(storeName(options._key), '')
        // Who measures no longer has the collector expire its cookie, which no script can.
        if (forgetVisitor(options._key) && !_answered) call('expire')
      }
      tracker = next === silent ? undefined : start(next)
    }
    announce(permitted)
    const bits = permission._choice()?._bits ?? host.rules & All
    if (isPromptDue(_answered, host) || (bits & Advertising && (gpc() || dnt()))) ask()
    return changes
  }

  function start(at: number): Running {
    const visitor = at === full ? visitorId(options._key) : ''
    return startTracker(options, {
      _granted: at === full,
      _anonymous: sentAnonymously,
      _held: () => !!host.calls.length || permission._waits(),
      _frame() {
        follow(true) // another tab may have withdrawn
        return level === at ? frame(permission, host, visitor) : undefined
      },
      _answered(body, sent) {
        const { rejected, choice } = Object(JSON.parse(body || '0')) as { rejected?: unknown; choice?: unknown }
        if (rejected) warn(body)
        if (choice) call('seal', sent.choice, choice)
      },
    })
  }

  function announce(permitted: Permit): void {
    const state = permitted._granted + (permitted._answered ? 16 : 0)
    if (state === announced) return
    announced = state
    document.dispatchEvent(new CustomEvent('heed:consent', { detail: describe(permitted) }))
  }

  function call(...[command, first, second]: Call): void {
    if (command !== 'event' || host.calls.length) {
      // Until it has been heard, should the page be left before. To ask for the notice is no choice, and before a choice nothing is stored.
      if (command === 'consent' && first !== 'show') save(unheardName(options._key), JSON.stringify(first))
      host.calls.push([command, first, second])
      return ask()
    }
    const fields = readEvent(first, second)
    if (fields) tracker?._report(fields)
    else warn('event: no name')
  }

  /** Fetches the consent script. Where it does not come, this page says nothing more, and the next one hears the choice. */
  function ask(): void {
    if (asked) return
    asked = true
    options._handed.choose(host).onerror = guard(() => {
      asked = false
    })
  }

  return {
    _start(calls) {
      // A page that comes back from the back-forward cache is a new view, by the choice of now.
      listen(window, ['pageshow', 'storage', 'visibilitychange'], (event) => {
        if (!follow(true) && (event as Partial<PageTransitionEvent>).persisted) tracker?._visit()
      })
      // What an earlier page could not tell. What becomes unsent later, another tab is telling. Nothing begins before it is heard.
      const unsent = parent === window && (permission._choice()?._bits ?? 0) & Unsent
      if (unsent || load(unheardName(options._key))) call('again')
      for (const early of calls) if (early[0] !== 'event') call(...early)
      follow(false)
      for (const early of calls) if (early[0] === 'event') call(...early)
    },
    _consent: () => describe(permission._decide()),
    _call: call,
  }
}
