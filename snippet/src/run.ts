import { Performance } from '../../consent/categories.ts'
import { readCategories, readEvent } from './calls.ts'
import { encodeBatch, type Frame } from './encode.ts'
import { warn } from './guard.ts'
import { listen } from './listen.ts'
import type { Options } from './options.ts'
import { openPermission, type Permission } from './permission.ts'
import { post } from './post.ts'
import { dnt, gpc } from './signals.ts'
import { describe, type ConsentState } from './state.ts'
import { save } from './storage.ts'
import { storeName } from './store.ts'
import { startTracker, type Running } from './tracker.ts'
import { forgetVisitor, visitorId } from './visitor.ts'

/** How much is allowed, in this order. */
const silent = 0
const anonymous = 1
const full = 2

/** What the page can ask for. */
export type Commands = {
  /** Begins to follow the visitor's choice. */
  readonly _start: () => void
  readonly _consent: () => ConsentState
  readonly _call: (command: unknown, first: unknown, second: unknown) => void
}

/** Follows the visitor's choice, and tracks exactly while it allows. */
export function run(options: Options): Commands {
  const permission = openPermission(options)
  const sentAnonymously: string[] = []
  let level = -1 // none yet
  let tracker: Running | undefined
  let announced = ''

  /** Follows the choice as it is now. With tighten a looser one has to wait for the next page. */
  function follow(tighten: boolean): boolean {
    const { _granted, _anonymousCount } = permission._decide()
    const next = _granted & Performance ? full : _anonymousCount ? anonymous : silent
    const changes = tighten ? next < level : next !== level
    if (changes) {
      level = next
      tracker?._stop()
      if (next !== full) forget(options, permission, !tighten)
      tracker = next === silent ? undefined : start(next)
    }
    announce()
    return changes
  }

  function start(at: number): Running {
    const visitor = at === full ? visitorId(options._key) : ''
    return startTracker(options, {
      _granted: at === full,
      _anonymous: sentAnonymously,
      _frame() {
        follow(true) // another tab may have withdrawn
        return level === at ? frame(permission, visitor) : undefined
      },
      _answered(body, sent) {
        const { rejected, choice } = Object(JSON.parse(body || '0')) as { rejected?: unknown; choice?: unknown }
        if (rejected) warn(body)
        if (choice) permission._replace(sent.choice ?? '', String(choice))
      },
    })
  }

  function announce(): void {
    const state = describe(permission._decide())
    const text = JSON.stringify(state)
    if (text === announced) return
    announced = text
    document.dispatchEvent(new CustomEvent('heed:consent', { detail: state }))
  }

  return {
    _start() {
      // A page that comes back from the back-forward cache is a new view, by the choice of now.
      listen(window, ['pageshow'], (event) => {
        if ((event as PageTransitionEvent).persisted && !follow(false)) tracker?._visit()
      })
      listen(window, ['storage', 'visibilitychange'], () => follow(true))
      follow(false)
    },
    _consent: () => describe(permission._decide()),
    _call(command, first, second) {
      const fields = command === 'event' && readEvent(first, second)
      if (fields) return tracker?._report(fields)
      const granted = command === 'consent' && readCategories(first)
      if (!granted) return warn(`not understood: ${command}, ${first}`)
      permission._choose(granted, level === full && !(granted & Performance))
      follow(false)
    },
  }
}

function frame(permission: Permission, visitor: string): Frame {
  return {
    choice: permission._text() || undefined,
    visitor: visitor || undefined,
    gpc: gpc() || undefined,
    dnt: dnt() || undefined,
    webdriver: navigator.webdriver || undefined,
  }
}

/**
 * Removes all that a grant had left here, and has the collector expire its cookie, which no script can; where another
 * tab made the choice, that is the other tab's to tell.
 */
function forget(options: Options, permission: Permission, tell: boolean): void {
  save(storeName(options._key), '')
  const left = forgetVisitor(options._key) || permission._untold()
  if (left && tell) tellWithdrawal(options, permission).catch(warn)
}

/** Sends the choice with no events. One try per page: a choice that did not arrive stays marked as unsent. */
async function tellWithdrawal(options: Options, permission: Permission): Promise<void> {
  const sent = permission._text()
  const body = encodeBatch(frame(permission, ''), [])
  const { _status } = await post(`${options._endpoint}/urgent`, body, 'include')
  if (_status && _status < 300) permission._told(sent)
}
