import { whenActive } from './active.ts'
import { inForeignFrame } from './frames.ts'
import { guard } from './guard.ts'
import type { Call } from './handover.ts'
import type { Options } from './options.ts'
import { run } from './run.ts'
import type { ConsentState } from './state.ts'

/** The page's one global: a stub that queues until this script is there, then the real one. */
type Heed = ((...call: Call) => void) & { readonly q?: readonly Call[]; readonly consent?: ConsentState }

declare global {
  interface Window {
    heed?: Heed
  }
}

/** Puts the real heed in the place of the stub and replays what was called before. */
export function install(options: Options): void {
  whenActive(
    guard(() => {
      const stub = window.heed
      // Included twice, or on someone else's page, where nothing may be asked or kept.
      if ((stub && 'consent' in stub) || inForeignFrame()) return
      const commands = run(options)
      const heed: Heed = guard(commands._call)
      Object.defineProperty(heed, 'consent', { get: commands._consent })
      window.heed = heed
      guard(commands._start)(stub?.q ?? [])
    }),
  )
}
