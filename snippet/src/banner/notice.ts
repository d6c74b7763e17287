import { Advertising, Essential, Functional, Performance } from '../../../consent/categories.ts'
import type { Allowed, Showing } from '../choice/drawing.ts'
import { guard } from '../guard.ts'
import { element } from './element.ts'
import { openDialog } from './settings.ts'
import { openShadow } from './shadow.ts'
import { wordsOf } from './words.ts'

/** The categories in the order in which they are shown, with their bits. */
export const categories = [
  ['essential', Essential],
  ['functional', Functional],
  ['performance', Performance],
  ['advertising', Advertising],
] as const

/** How buttons look: all that answer alike. What leads on, or keeps what was ticked, stands below them where it is narrow. */
const looks: { readonly [action: string]: string } = { choose: 'quiet whole', save: 'loud whole' }

/** Puts a notice on the screen and returns what removes it. It covers nothing that it does not stand on, and moves nothing. */
export function paintNotice(showing: Showing): () => void {
  const { notice, wanted, pressed } = showing
  const words = wordsOf(notice)
  let before: unknown = document.activeElement
  const root = openShadow(notice)
  let ticked = (): Allowed => ({ categories: Essential })
  const asked = categories.reduce((all, [id, bit]) => all | (words(`purpose.${id}`) ? bit : 0), 0)

  /** The first layer. It never takes the focus by itself. */
  function ask(): HTMLElement {
    const text = element('div', { class: 'text' })
    if (showing.honoured) text.append(element('p', { class: 'honoured', role: 'status' }, words('honoured')))
    for (const line of words('body').split('\n')) text.append(element('p', {}, line))
    const links = element('p', { class: 'links' })
    if (words('policy.url')) links.append(link(words('policy'), words('policy.url')), ' ')
    if (showing.receipt) links.append(link(words('receipt'), showing.receipt))
    if (links.firstChild) text.append(links)
    const frame = element('section', { class: 'card', role: 'region', 'aria-labelledby': 'title', tabindex: '-1' })
    frame.append(element('h2', { id: 'title' }, words('title')), text, ...buttons('save'))
    root.replaceChildren(frame)
    if (text.scrollHeight > text.clientHeight) text.tabIndex = 0 // keys scroll it
    return frame
  }

  /** A layer's buttons, without the one that belongs to the other. One that only closes is a cross in the corner. */
  function buttons(without: string): HTMLElement[] {
    const row = element('div', { class: 'buttons' })
    const all: HTMLElement[] = [row]
    const closers = notice.look.buttons.filter(({ action }) => action === 'close')
    const closer = closers[without === 'choose' ? closers.length - 1 : 0] // a layout may have a way out of either layer
    for (const drawn of notice.look.buttons) {
      const { id, action, label } = drawn
      if (action === without || (action === 'close' && drawn !== closer)) continue
      const cross = id === 'close'
      const button = element('button', { type: 'button', 'data-id': id, class: cross ? 'close' : looks[action] ?? 'loud' })
      if (cross) button.setAttribute('aria-label', label)
      else button.append(label)
      button.addEventListener('click', guard(() => press(action, id)))
      if (cross) all.push(button)
      else row.append(button)
    }
    if (row.children.length === 2) row.lastElementChild?.classList.remove('whole')
    return all
  }

  function press(action: string, id: string): void {
    if (action === 'choose') ticked = openDialog({ root, words, showing, buttons: buttons('choose'), back })
    else if (action === 'accept') pressed(id, { categories: asked }, asked)
    else if (action === 'reject') pressed(id, { categories: Essential })
    else pressed(id, action === 'save' ? ticked() : undefined)
  }

  /** Escape leads from the second layer to the first, and is no choice. */
  function back(): void {
    ask().querySelector<HTMLElement>('[data-id=choose]')?.focus()
  }

  const frame = ask()
  // Whoever comes in from the page by keyboard goes back to where that was.
  root.host.addEventListener('focusin', guard((event) => {
    before = (event as FocusEvent).relatedTarget ?? before
  }))
  // What takes the focus behind the notice is scrolled clear of it: WCAG 2.2, 2.4.11. One that something hides covers nothing.
  const { style } = document.documentElement
  const padding = style.scrollPaddingBottom
  style.scrollPaddingBottom = `${frame.offsetHeight && innerHeight - frame.getBoundingClientRect().top}px`
  if (wanted) frame.focus()
  return () => {
    style.scrollPaddingBottom = padding
    const focused = root.activeElement
    root.host.remove()
    if ((wanted || focused) && before instanceof HTMLElement) before.focus()
  }
}

function link(text: string, href: string): HTMLElement {
  return element('a', { href, target: '_blank', rel: 'noopener' }, text)
}
