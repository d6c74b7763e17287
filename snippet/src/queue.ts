import type { Event } from '../../schemas/event.gen.ts'

/** How many events wait at most, in memory and in storage. */
const maxWaiting = 100
/** The wire's limits on a batch, with room for what surrounds the events. */
const maxEvents = 50
const maxBytes = 60_000

/** A visitor who sent a form may be gone in a moment, and it is what the site is for. */
export function isUrgent(event: Event): boolean {
  return event.kind === 'form'
}

/** Makes room: the oldest events that are not urgent go first, then the oldest. Returns what stays. */
export function trim(events: readonly Event[]): Event[] {
  let excess = events.length - maxWaiting
  return events.filter((event) => isUrgent(event) || excess-- <= 0).slice(-maxWaiting)
}

/**
 * Splits events, in order, into batches that the collector and a beacon can take. Urgent ones go by themselves: a busy
 * collector takes them while it sends the others back.
 */
export function splitBatches(events: readonly Event[]): Event[][] {
  const batches: Event[][] = []
  let batch: Event[] = []
  let bytes = 0
  let urgent = false
  for (const event of events) {
    const size = new Blob([JSON.stringify(event)]).size + 1
    if (!bytes || urgent !== isUrgent(event) || batch.length === maxEvents || bytes + size > maxBytes) {
      batches.push((batch = []))
      bytes = 0
      urgent = isUrgent(event)
    }
    batch.push(event)
    bytes += size
  }
  return batches
}
