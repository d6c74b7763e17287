// Which engine this process drives, and what it cannot be asked.
import { launchPuppet } from './puppet.mjs'
import { launchWebKit } from './webkit.mjs'

/** chromium, firefox or webkit. */
export const engine = process.env.HEED_ENGINE ?? 'chromium'

export const launchEngine = () => (engine === 'webkit' ? launchWebKit() : launchPuppet(engine))

/** Tests that an engine cannot run, by name, and why. A name that no test has is an error. */
export const exceptions = {
  chromium: {},
  firefox: {},
  webkit: {
    'hostile page: json-throws': 'the driver itself reads the page with its JSON.stringify',
    'hostile page: list-throws': 'the driver itself reads the page with its Array.prototype.map',
  },
}
