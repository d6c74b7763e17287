import { linkCookieSettings, linkPrivacyChoices } from '../../../consent/matrix.gen.ts'
import type { Host } from '../handover.ts'
import type { Notice, Painter } from './drawing.ts'
import type { ChoosingSite } from './site.ts'

/** What opens the choice again from every page: the site's own links that Heed fills in, or a button. */
export type Reopener = {
  /** Whether it has to be drawn: the owner wants it, or the law wants a link that the page does not have. */
  readonly _isDue: () => boolean
  readonly _draw: (notice: Notice, painter: Painter, visible: boolean) => void
  readonly _reveal: (visible: boolean) => void
}

/** Opens it: nothing is drawn yet. */
export function openReopener(site: ChoosingSite, host: Host, open: () => void): Reopener {
  let reveal: ((visible: boolean) => void) | undefined
  return {
    _isDue() {
      const due = host.links & (linkCookieSettings | linkPrivacyChoices)
      const isRead = document.readyState !== 'loading' // all links are there; else pageshow asks again
      return !reveal && isRead && (site._button || (!!due && !document.querySelector('[data-heed-choices]:not(:empty)')))
    },
    _draw(notice, painter, visible) {
      reveal ??= painter.reopener(notice, site._button, open)
      reveal(visible)
    },
    _reveal: (visible) => reveal?.(visible),
  }
}
