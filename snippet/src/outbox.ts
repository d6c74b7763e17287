import type { Event } from '../../schemas/event.gen.ts'
import { backoffMs } from './backoff.ts'
import { encodeBatch, type Frame } from './encode.ts'
import { guard, warn } from './guard.ts'
import type { Dispose } from './listen.ts'
import { beacon, post, type Reply } from './post.ts'
import { isUrgent, splitBatches, trim } from './queue.ts'
import { store, takeStored } from './store.ts'

/** How long an event that is not urgent waits for others, in ms. */
const gatherMs = 50
/** After so many failures in a row, about four minutes, this page gives up what failed. */
const maxFailures = 10

/** What an outbox needs to know. */
export type OutboxOptions = {
  readonly _endpoint: string
  /** The frame in force, or undefined when sending is no longer allowed. */
  readonly _frame: () => Frame | undefined
  /** Nothing may be sent yet: what waits is kept. */
  readonly _held: () => boolean
  /** Called with the body of a 202 and the frame that was sent. */
  readonly _answered: (body: string, frame: Frame) => void
  /** Where the queue may be stored; "" when nothing may be. Then neither are credentials sent. */
  readonly _store: string
}

/** Events on their way to the collector. At most 100 wait; trim says which go when there are more. */
export type Outbox = {
  /** Queues an event. An urgent one leaves at once, and all that waits with it. */
  readonly _add: (event: Event) => void
  /** The page may be gone in a moment: gets out, or into storage, what waits. */
  readonly _leave: () => void
  /** The page is there again, or for the first time: goes on with what is stored. */
  readonly _resume: () => void
  /** Drops what waits and takes nothing more. */
  readonly _close: Dispose
}

/** Opens an outbox. */
export function openOutbox({ _endpoint, _frame, _held, _answered, _store }: OutboxOptions): Outbox {
  const sent = new Set<string>() // ids of events that were on their way before
  const flying = new Set<Event>()
  let waiting: Event[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let paused = false // after a failure, until the timer fires
  let closed = false

  function flushIn(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(guard(flush), ms)
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    paused = false
    if (_held()) return
    for (const batch of splitBatches(waiting.splice(0))) send(batch).catch(warn)
  }

  async function send(batch: Event[]): Promise<void> {
    const frame = _frame()
    if (!frame) return
    const body = pack(batch, frame)
    for (const event of batch) flying.add(event)
    const reply = await post(address(batch), body, _store ? 'include' : 'omit')
    for (const event of batch) flying.delete(event)
    if (!closed) settle(batch, frame, reply)
  }

  function settle(batch: Event[], frame: Frame, { _status, _body, _retryAfter }: Reply): void {
    if (!_status || _status === 408 || _status === 429 || _status >= 500) {
      if (++failures < maxFailures) waiting = trim([...batch, ...waiting])
      paused = true
      flushIn(backoffMs(failures, _retryAfter, Math.random()))
    } else {
      failures = 0
      if (_status < 300) _answered(_body, frame)
      else warn(`${_status} ${_body}`)
    }
  }

  function keep(events: readonly Event[]): boolean {
    return !!_store && store(_store, events)
  }

  function leave(): void {
    // What flies may still fail when nobody is left to hear of it. It keeps its ids, so that it cannot count twice.
    if (flying.size) keep([...flying])
    if (paused || _held()) {
      if (keep(waiting)) waiting = []
    } else if (!_store) {
      flush() // a beacon would carry cookies
    } else {
      const frame = _frame()
      for (const batch of splitBatches(waiting.splice(0))) {
        if (frame && !beacon(address(batch), pack(batch, frame))) keep(batch)
      }
    }
  }

  function resume(): void {
    const stored = _store ? takeStored(_store) : []
    for (const event of stored) sent.add(event.id)
    waiting = trim([...stored, ...waiting])
    if (waiting.length && !paused) flushIn(gatherMs)
  }

  function address(batch: readonly Event[]): string {
    return `${_endpoint}/${batch.some(isUrgent) ? 'urgent' : 'ordinary'}`
  }

  function pack(batch: readonly Event[], frame: Frame): string {
    const retried = batch.some((event) => sent.has(event.id))
    for (const event of batch) sent.add(event.id)
    return encodeBatch({ ...frame, retried }, batch)
  }

  return {
    _add(event) {
      if (closed) return
      waiting = trim([...waiting, event])
      if (paused) return
      if (isUrgent(event)) flush()
      else if (!timer) flushIn(gatherMs)
    },
    _leave: leave,
    _resume: resume,
    _close() {
      closed = true
      waiting = []
      clearTimeout(timer)
    },
  }
}
