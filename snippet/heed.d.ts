// Types of what Heed puts into a page, for the scripts of the site's owner. README.md is the manual.
//
//     /// <reference path="heed.d.ts" />
//     heed('consent', { performance: true })
//     document.addEventListener('heed:consent', ({ detail }) => { banner.hidden = detail.answered })

/** What the visitor allows now, as heed.consent says and the event heed:consent brings. */
interface HeedConsentState {
  /** The visitor has made a choice that counts, so that there is nothing to ask. */
  readonly answered: boolean
  readonly functional: boolean
  readonly performance: boolean
  readonly advertising: boolean
}

/** A choice, category by category. It is whole: what is not named is refused. */
interface HeedChoice {
  readonly functional?: boolean
  readonly performance?: boolean
  readonly advertising?: boolean
  /**
   * Ids of the declared services that are allowed, at most 200; without it all of the allowed categories. Heed's own go with
   * their category.
   */
  readonly services?: readonly string[]
}

interface Heed {
  /** Makes the visitor's choice, or shows the notice. Returns at once; the event heed:consent tells when it holds. */
  (command: 'consent', choice: 'allow' | 'refuse' | 'show' | HeedChoice): void
  /** Says that the visitor is a minor of this age. Holds for this page load and is kept nowhere; say it on every page. */
  (command: 'age', band: 'u13' | '13-15' | '16-17'): void
  /** Reports an event of the site's own; nothing happens without performance permission. A value is made a text. */
  (command: 'event', name: string, props?: Readonly<Record<string, string | number | boolean>>): void
  /** The state; undefined until the script is there. */
  readonly consent?: HeedConsentState
}

/** Queues what is called before the script is there; the tag defines it. */
declare const heed: Heed

interface DocumentEventMap {
  /** Fires when the state is known, and whenever it changes, also by a choice in another tab. */
  'heed:consent': CustomEvent<HeedConsentState>
}
