import { whenActive } from './active.ts'
import { guard } from './guard.ts'
import type { Options } from './options.ts'
import { run } from './run.ts'
import type { ConsentState } from './state.ts'

type Call = readonly [command?: unknown, first?: unknown, second?: unknown]

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
      if (stub && 'consent' in stub) return // included twice
      const commands = run(options)
      const heed: Heed = guard((...call: Call) => commands._call(call[0], call[1], call[2]))
      Object.defineProperty(heed, 'consent', { get: commands._consent })
      window.heed = heed
      guard(commands._start)()
      for (const call of stub?.q ?? []) heed(...call)
    }),
  )
}
