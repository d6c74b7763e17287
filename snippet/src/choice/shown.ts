import type { ChoosingSite } from './site.ts'

/** Makes a consent record of a notice that was put on the screen. */
export const reportShown: ChoosingSite['_reports'] = (chooser, shown, again) =>
  chooser._report(again ? 'reprompt' : 'shown', { method: 'itself', shown })
