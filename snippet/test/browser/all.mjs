// All browser tests in one process, hence one browser; browser_test.go runs them once per engine.
import { inOneBrowser } from './harness.mjs'

inOneBrowser()
await import('./consent.mjs')
await import('./choice.mjs')
await import('./views.mjs')
await import('./forms.mjs')
await import('./delivery.mjs')
await import('./hostile.mjs')
await import('./wall.mjs')
