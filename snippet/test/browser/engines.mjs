// Which engine this process drives, and what it cannot be asked.
import { launchPuppet } from './puppet.mjs'
import { launchWebKit } from './webkit.mjs'

/** chromium, firefox or webkit. */
export const engine = process.env.HEED_ENGINE ?? 'chromium'

/** Starts it, where it can be asked without the back-forward cache, for which Chromium starts a process per page view. */
export const launchEngine = ({ cached = true } = {}) => (engine === 'webkit' ? launchWebKit() : launchPuppet(engine, cached))

/** Tests that run in Chromium only, and why no other engine can answer otherwise. What an engine has a part in runs in all. */
const inChromium = {
  'plain code decides it, from a text or a number that it has; another test proves in all engines how it gets there': [
    'a category that is not named is refused',
    'signals travel, and so does that a program drives the browser; and a choice made in their sight counts',
    'an anonymous count ends with a refusal',
    'the age of a minor ends measuring and asking, and is kept nowhere',
    'a minor is neither asked nor counted when the page says so before anything else',
    'a grant whose seal has not come in a week is asked for again',
    'a choice for another notice asks again, and one that cannot be read grants nothing',
    'routes in the fragment are views where they are switched on',
    'a tag that is pasted twice counts once',
    'more than a batch holds is split, and no event is lost or doubled',
  ],
  'it is about what the collector answers, which reaches the code the same way as in the tests of a grant and of a reload': [
    'a withdrawal that did not arrive is told on the next page',
    'an answer that seals an older choice does not undo a later one',
    'an answer that sets the choice of before once more does not undo a later one',
    'while the collector cannot seal, a grant waits with its events, and nothing is lost',
    'what a 503 refused is sent again under the same ids, not before Retry-After',
    'a 4xx is final',
  ],
  'tabs hear of one another as in the pair that runs in all engines; the rest is the same arithmetic': [
    'two tabs within a second: refuse-allow',
    'two tabs within a second: parts',
    'two tabs at two times: the later choice wins',
    'two tabs within a second: what one of them wrote before it had heard is put right',
    'the answer to a yes that comes after the no of another tab does not undo it',
  ],
  'the page breaks what the code is guarded against, and the guards are the same': [
    'hostile page: list-toJSON',
    'hostile page: list-extras',
    'hostile page: json-throws', // WebKit's driver itself reads the page with it,
    'hostile page: list-throws', // and with this
    'hostile page: crypto-throws',
    'hostile page: console-throws',
    'hostile page: all-throw',
    'hostile page: no-cookies',
    'a choice that nobody could hear is heard on the next page',
    'a notice that cannot be fetched leaves a working page, the strict side, and one line',
  ],
}

const elsewhere = Object.fromEntries(
  Object.entries(inChromium).flatMap(([reason, names]) => names.map((name) => [name, `in Chromium only: ${reason}`])),
)

const notInFirefox = {
  'what waits when the page is closed leaves by beacon': 'a closing tab loses its beacon there on a busy machine, whatever sends it',
}

/** Tests that an engine leaves out, by name, and why. A name that no test has is an error. */
export const exceptions = { chromium: {}, firefox: { ...elsewhere, ...notInFirefox }, webkit: elsewhere }
