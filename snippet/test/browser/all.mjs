// All browser tests in one process, hence one browser; browser_test.go runs them.
import { after, before } from 'node:test'
import { close, launch } from './harness.mjs'

before(launch)
after(close)
await import('./consent.mjs')
await import('./views.mjs')
await import('./forms.mjs')
await import('./delivery.mjs')
await import('./hostile.mjs')
