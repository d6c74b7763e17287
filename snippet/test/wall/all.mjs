// All tests of the wall, in one browser: node starts a process per file otherwise.
import { inOneBrowser } from './rig.mjs'

inOneBrowser()
await import('./kinds.mjs')
await import('./more.mjs')
await import('./declared.mjs')
await import('./traps.mjs')
await import('./stores.mjs')
await import('./visits.mjs')
await import('./changes.mjs')
