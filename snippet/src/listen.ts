import { guard } from './guard.ts'

/** Ends what was started. */
export type Dispose = () => void

/** Listens for all types on target, before the page can stop an event and without a way to cancel one. */
export function listen(target: EventTarget, types: readonly string[], fn: (event: Event) => void): Dispose {
  const guarded = guard(fn)
  for (const type of types) target.addEventListener(type, guarded, { capture: true, passive: true })
  return () => {
    for (const type of types) target.removeEventListener(type, guarded, true)
  }
}
