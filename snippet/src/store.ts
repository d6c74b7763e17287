import type { Event } from '../../schemas/event.gen.ts'
import { encodeEvents } from './encode.ts'
import { trim } from './queue.ts'
import { load, save } from './storage.ts'

/** Older events are refused by the collector. */
const maxAgeMs = 86_400_000

/** The key of localStorage under which a site's queue survives a reload. It exists only with a performance grant. */
export function storeName(siteKey: string): string {
  return `heed.${siteKey}.q`
}

/** The key of the last choice that nobody could hear, as heed was called with it, until the consent script can be fetched. */
export function unheardName(siteKey: string): string {
  return `heed.${siteKey}.c`
}

/** The key of the event that tells of a choice, while the collector has not heard it: of a grant, or of one's end. */
export function untoldName(siteKey: string): string {
  return `heed.${siteKey}.e`
}

/** The key of the list of services, where a choice allows some only; consent/choice.go draws its text. */
export function servicesName(siteKey: string): string {
  return `heed.${siteKey}.s`
}

/** The key under which tabs tell one another of a choice; nothing stays there. */
export function tabsName(siteKey: string): string {
  return `heed.${siteKey}.t`
}

/** Takes out everything that is kept and still young enough. */
export function takeStored(name: string): Event[] {
  const events = read(name)
  if (events.length) save(name, '')
  return events
}

/** Adds events to what is kept. Reports whether they are kept. */
export function store(name: string, events: readonly Event[]): boolean {
  return save(name, encodeEvents(trim([...read(name), ...events])))
}

/** Anything in storage may have been written by anyone: what has not the form of ours is left out. */
function read(name: string): Event[] {
  try {
    return (JSON.parse(load(name)) as unknown[]).filter(isYoungEvent)
  } catch {
    return []
  }
}

function isYoungEvent(value: unknown): value is Event {
  const { id, created } = Object(value) as { id?: unknown; created?: unknown }
  return typeof id === 'string' && Date.now() - Number(created) < maxAgeMs
}
