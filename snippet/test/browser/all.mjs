// All browser tests in one process, hence one browser; browser_test.go runs them once per engine. HEED_ONLY=wall runs one file.
import { inOneBrowser } from './harness.mjs'

inOneBrowser()
for (const file of ['consent', 'choice', 'views', 'forms', 'delivery', 'hostile', 'wall']) {
  if (!process.env.HEED_ONLY || process.env.HEED_ONLY === file) await import(`./${file}.mjs`)
}
