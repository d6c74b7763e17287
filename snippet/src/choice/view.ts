import { Advertising, Functional, Performance, type Categories } from '../../../consent/categories.ts'
import { guard } from '../guard.ts'
import type { Notice } from './fetch.ts'

/** What a notice is to show besides its texts. */
export type Showing = {
  readonly _notice: Notice
  /** The categories whose boxes are ticked; none before a first choice where a yes is asked for. */
  readonly _ticked: Categories
  /** An opt-out holds, and the visitor is told so. */
  readonly _honoured: boolean
  /** Where a grant's receipt is, "" without one. */
  readonly _receipt: string
  /** The visitor asked for it: it takes the focus, and gives it back. */
  readonly _wanted: boolean
  /** A button was pressed; wanted are the categories ticked then, or all that the notice asks for. */
  readonly _pressed: (action: string, control: string, wanted: Categories) => void
}

const categories = [
  ['essential', 0],
  ['functional', Functional],
  ['performance', Performance],
  ['advertising', Advertising],
] as const

/** Puts a notice on the screen and returns what removes it. It covers nothing that it does not stand on, and moves nothing. */
export function showNotice(showing: Showing): () => void {
  const { look, locale } = showing._notice
  const before = document.activeElement
  const host = document.createElement('div')
  host.lang = locale
  const root = host.attachShadow({ mode: 'open' })
  const style = new CSSStyleSheet()
  style.replaceSync(look.css)
  root.adoptedStyleSheets = [style]
  const text = (id: string) => look.texts.find((entry) => entry.id === id)?.text ?? ''
  let boxes: readonly [box: HTMLInputElement, category: Categories][] = []

  function draw(choosing: boolean): HTMLElement {
    const role = choosing ? 'dialog' : 'region'
    const frame = element('section', '', { role, 'aria-labelledby': 'title', tabindex: '-1', dir: 'auto' })
    frame.append(element('h2', text('title'), { id: 'title' }))
    if (showing._honoured) frame.append(element('p', text('honoured'), { role: 'status' }))
    frame.append(choosing ? choices() : element('p', text('body')))
    if (text('policy.url')) frame.append(link(text('policy'), text('policy.url')))
    if (showing._receipt && text('receipt')) frame.append(link(text('receipt'), showing._receipt))
    frame.append(buttons(choosing))
    root.replaceChildren(frame)
    return frame
  }

  function choices(): HTMLElement {
    const set = element('fieldset')
    boxes = []
    for (const [id, category] of categories) {
      const name = text(`purpose.${id}`)
      if (!name) continue
      const box = Object.assign(element('input', '', { type: 'checkbox', 'aria-describedby': id }), {
        checked: !category || !!(showing._ticked & category),
        disabled: !category,
      })
      const label = element('label')
      label.append(box, category ? name : `${name} (${text('always_on')})`)
      set.append(label, element('p', text(`purpose.${id}.text`), { id }))
      boxes = [...boxes, [box, category]]
    }
    return set
  }

  function buttons(choosing: boolean): HTMLElement {
    const row = element('div')
    const closers = look.buttons.filter(({ action }) => action === 'close')
    const closer = closers[choosing ? closers.length - 1 : 0] // a layout may have a way out of either layer
    for (const button of look.buttons) {
      const { id, action, label } = button
      if (action === (choosing ? 'choose' : 'save') || (action === 'close' && button !== closer)) continue
      const drawn = element('button', label, { type: 'button', 'data-id': id })
      drawn.addEventListener('click', guard(() => press(id, action)))
      row.append(drawn)
    }
    return row
  }

  function press(id: string, action: string): void {
    if (action === 'choose') return draw(true).focus()
    const ticked = boxes.reduce((all, [box, category]) => all | (box.checked ? category : 0), 0)
    const asked = categories.reduce((all, [of, category]) => all | (text(`purpose.${of}`) ? category : 0), 0)
    showing._pressed(action, id, action === 'accept' ? asked : ticked)
  }

  ;(document.body ?? document.documentElement).append(host)
  const frame = draw(false)
  if (showing._wanted) frame.focus()
  return () => {
    host.remove()
    if (showing._wanted && before instanceof HTMLElement) before.focus()
  }
}

function link(text: string, href: string): HTMLElement {
  const paragraph = element('p')
  paragraph.append(element('a', text, { href, target: '_blank' }))
  return paragraph
}

function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  text = '',
  attributes: { readonly [name: string]: string } = {},
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  made.append(text)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}
