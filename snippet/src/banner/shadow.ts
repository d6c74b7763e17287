import type { Notice } from '../choice/drawing.ts'
import { element } from './element.ts'
import { directionOf } from './words.ts'

/**
 * Puts an element with a tree of its own behind all that the page has, with the notice's style, which no rule of the page
 * reaches. A constructed sheet is no inline style: a policy of the page lets it pass.
 */
export function openShadow({ look, locale }: Notice, focuses = false): ShadowRoot {
  const host = element('div', { lang: locale, dir: directionOf(locale) })
  const root = host.attachShadow({ mode: 'open', delegatesFocus: focuses })
  const style = new CSSStyleSheet()
  style.replaceSync(look.css)
  root.adoptedStyleSheets = [style]
  ;(document.body ?? document.documentElement).append(host)
  return root
}
