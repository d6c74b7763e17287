import type { Event } from '../../schemas/event.gen.ts'
import { guard } from './guard.ts'
import { listen, type Dispose } from './listen.ts'
import type { Options } from './options.ts'
import { openOutbox, type OutboxOptions } from './outbox.ts'
import { fit } from './page.ts'
import { uuidv7 } from './random.ts'
import { storeName } from './store.ts'

/** A page view that goes on. */
export type View = {
  readonly _id: string
  readonly _url: string
  /** Engaged time so far and as last reported, in ms; kept by watchEngagement. */
  _engaged: number
  _reported: number
}

/** What an event says besides what every event says. */
export type Fields = Omit<Event, 'id' | 'created' | 'url'>

/** What features see of the tracker. */
export type Tracker = {
  readonly _view: () => View
  /** The page's address as it would be reported now. */
  readonly _here: () => string
  /** Ends the view and begins the next one. */
  readonly _visit: () => void
  /** Reports something in the view. Nothing happens when views are counted anonymously. */
  readonly _report: (fields: Fields) => void
}

/** Something that watches the page. */
export type Feature = (tracker: Tracker) => {
  /** Called before a view ends, also when the page may be gone in a moment. */
  readonly _settle?: () => void
  readonly _stop: Dispose
}

/** A tracker that runs. */
export type Running = Tracker & {
  /** Sends what was held back. */
  readonly _resume: () => void
  readonly _stop: Dispose
}

/** By what right a tracker runs. */
export type Right = Pick<OutboxOptions, '_frame' | '_held' | '_answered'> & {
  /** The performance grant; without it views are counted anonymously. */
  readonly _granted: boolean
  /** Ids that this page load sent anonymously; the first event after a grant takes them over. */
  readonly _anonymous: string[]
}

/** The wire's limit on Event.anonymous. */
const maxAnonymous = 20

/** Starts counting: this page now, then whatever the site's features see. */
export function startTracker(options: Options, right: Right): Running {
  const { _granted, _anonymous } = right
  const here = () => fit(options._pageURL(location.href))
  const outbox = openOutbox({ ...options, ...right, _store: _granted ? storeName(options._key) : '' })
  const parts: ReturnType<Feature>[] = []
  let view: View

  function visit(): void {
    settle()
    const referrer = view ? view._url : document.referrer
    view = { _id: options._handed.view(uuidv7(Date.now())), _url: here(), _engaged: 0, _reported: 0 }
    if (!_granted && _anonymous.length < maxAnonymous) _anonymous.push(view._id)
    add(view._id, referrer ? { kind: 'page', referrer: fit(referrer) } : { kind: 'page' })
  }

  function add(id: string, fields: Fields): void {
    const event: Event = { id, created: Date.now(), url: view._url, ...fields }
    if (_granted && _anonymous.length) event.anonymous = _anonymous.splice(0)
    outbox._add(_granted ? event : options._anonymise(event))
  }

  function settle(): void {
    for (const part of parts) part._settle?.()
  }

  const tracker: Tracker = {
    _view: () => view,
    _here: here,
    _visit: visit,
    _report(fields) {
      if (_granted) add(uuidv7(Date.now()), { ...fields, view: view._id })
    },
  }

  // A view that was counted anonymously is not counted again: after a grant it goes on under its id, and a first
  // engagement says so; of at least 1 ms, since the wire knows none of 0.
  const counted = _granted && _anonymous[_anonymous.length - 1]
  if (counted) view = { _id: counted, _url: here(), _engaged: 1, _reported: 0 }
  else visit()
  for (const feature of [...options._counting, ...(_granted ? options._measuring : [])]) {
    guard(() => parts.push(feature(tracker)))()
  }
  // Safari before 14.1 does not fire visibilitychange when it leaves a page, hence pagehide too.
  const stopLeaving = listen(window, ['visibilitychange', 'pagehide'], ({ type }) => {
    if (type === 'visibilitychange' && document.visibilityState === 'visible') return outbox._resume()
    settle()
    outbox._leave()
  })
  outbox._resume()

  return {
    ...tracker,
    _resume: outbox._resume,
    _stop() {
      stopLeaving()
      outbox._close()
      for (const part of parts) guard(part._stop)()
    },
  }
}
