import { randomHex } from './random.ts'
import { load, save } from './storage.ts'

/** Finds or makes the browser's random id. Called only with a performance grant in force. */
export function visitorId(key: string): string {
  const name = `heed.${key}`
  const known = load(name)
  if (/^[\da-f]{32}$/.test(known)) return known
  const made = randomHex(16)
  save(name, made)
  return made
}

/** Removes the id. Reports whether there was one. */
export function forgetVisitor(key: string): boolean {
  const name = `heed.${key}`
  const known = load(name)
  if (known) save(name, '')
  return known !== ''
}
