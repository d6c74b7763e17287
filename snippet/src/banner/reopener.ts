import type { Notice } from '../choice/drawing.ts'
import { guard } from '../guard.ts'
import { drawing, element } from './element.ts'
import { openShadow } from './shadow.ts'
import { directionOf, wordsOf } from './words.ts'

/** Where the page says that its visitors can choose again. The loader hears clicks there. */
const links = '[data-heed-choices]'

/** Draws what opens the choice again; see Painter. */
export function paintReopener(notice: Notice, always: boolean, open: () => void): (visible: boolean) => void {
  const name = wordsOf(notice)('title')
  const content = () => [icon(notice), element('span', {}, name)]
  const found = document.querySelectorAll(links)
  for (const link of found) {
    if (link.firstChild) continue
    link.setAttribute('lang', notice.locale)
    link.setAttribute('dir', directionOf(notice.locale))
    link.append(element('span', {}, name), ' ', icon(notice))
  }
  if (found.length && !always) return () => {}
  const root = openShadow(notice, true)
  const host = root.host as HTMLElement
  const button = element('button', { type: 'button', class: 'reopen', title: name }, ...content())
  button.addEventListener('click', guard(open))
  root.append(element('section', { role: 'region', 'aria-label': name }, button))
  return (visible) => {
    host.hidden = !visible
  }
}

/** Where silence allows: the official icon of an opt-out, https://oag.ca.gov/privacy/ccpa/icons-download. Elsewhere a dial. */
function icon({ layout }: Notice): SVGElement {
  if (layout === 'opt_out') {
    const [blue, line] = ['#06f', { fill: 'none', 'stroke-width': 1.3, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }]
    return drawing('0 0 30 14', 30,
      ['path', { fill: blue, d: 'M22.6 0H7.4a7 7 0 0 0 0 14h15.2a7 7 0 0 0 0-14z' }],
      ['path', { fill: '#fff', d: 'M7.4 12.8h6.8l3.1-11.6H7.4a5.8 5.8 0 0 0 0 11.6z' }],
      ['path', { ...line, stroke: '#fff', d: 'M19.2 4.5l5 5m0-5l-5 5' }],
      ['path', { ...line, stroke: blue, d: 'M5.8 7.3l2.2 2.1 4.2-4.9' }])
  }
  return drawing('0 0 20 20', 20,
    ['path', { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-linecap': 'round', d: 'M2 6h8m6 0h2M2 14h2m6 0h8' }],
    ['circle', { cx: 13, cy: 6, r: 2.4, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }],
    ['circle', { cx: 7, cy: 14, r: 2.4, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 }])
}
