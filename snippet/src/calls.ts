import type { Fields } from './tracker.ts'

/** The wire's limits, in characters and entries. */
const maxName = 64
const maxKey = 64
const maxValue = 256
const maxProps = 16

/** Reads the arguments of heed('event', name, props); undefined when there is no name. */
export function readEvent(name: unknown, props: unknown): Fields | undefined {
  if (!name || typeof name !== 'string') return undefined
  const kept: Record<string, string> = {}
  for (const [key, value] of Object.entries(Object(props)).slice(0, maxProps)) {
    kept[cut(key, maxKey)] = cut(String(value), maxValue)
  }
  return { kind: 'custom', name: cut(name, maxName), props: kept }
}

/** The first characters of a text, none of them cut in half. */
export function cut(text: string, limit: number): string {
  return [...text].slice(0, limit).join('')
}
