import type { Batch, Event } from '../../schemas/event.gen.ts'

/** What every batch carries besides its events. What is false or empty is left out. */
export type Frame = {
  readonly [Name in 'choice' | 'visitor' | 'gpc' | 'dnt' | 'webdriver' | 'retried' | 'age' | 'consent']?: Batch[Name] | false | ''
}

/**
 * The JSON of a list of events. JSON.stringify asks each list for toJSON, and libraries of old (Prototype before 1.7)
 * give every list one that makes a string of it; so we write the brackets.
 */
export function encodeEvents(events: readonly Event[]): string {
  return `[${events.map((event) => JSON.stringify(event))}]`
}

/** The body of a POST, as it is sent now. */
export function encodeBatch(frame: Frame, events: readonly Event[]): string {
  return `${JSON.stringify({ v: 1, sent: Date.now(), ...frame }, (_, value) => value || undefined).slice(0, -1)},"events":${encodeEvents(events)}}`
}
