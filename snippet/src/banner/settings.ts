import { Essential, type Categories } from '../../../consent/categories.ts'
import type { Allowed, Showing } from '../choice/drawing.ts'
import { guard } from '../guard.ts'
import { element } from './element.ts'
import { categories } from './notice.ts'
import type { Words } from './words.ts'

/** What the second layer is drawn with. */
export type Layer = {
  readonly root: ShadowRoot
  readonly words: Words
  readonly showing: Showing
  readonly buttons: readonly HTMLElement[]
  /** The visitor has left it without a choice. */
  readonly back: () => void
}

/** A category's boxes: its own, and those of its declared services. */
type Boxes = { readonly category: Categories; readonly box: HTMLInputElement; readonly services: readonly HTMLInputElement[] }

/**
 * Opens the second layer, a modal dialog: the browser itself keeps the focus in it and the page behind it still. Returns what
 * reads the boxes.
 */
export function openDialog({ root, words, showing, buttons, back }: Layer): () => Allowed {
  const all: Boxes[] = []
  const list = element('div', { class: 'text' }, element('p', {}, words('body').split('\n')[0] ?? ''))
  for (const [id, category] of categories) {
    if (words(`purpose.${id}`)) list.append(drawCategory(id, category))
  }
  const dialog = element('dialog', { class: 'card', 'aria-labelledby': 'title' })
  dialog.append(element('h2', { id: 'title', tabindex: '-1' }, words('title')), list, ...buttons)
  dialog.addEventListener('close', guard(back))
  root.replaceChildren(dialog)
  dialog.showModal()
  dialog.querySelector('h2')?.focus()

  function drawCategory(id: string, category: Categories): HTMLElement {
    const own = showing.notice.material.services.filter((service) => service.category === id)
    const declared = own.filter((service) => !/^heed-/.test(service.id))
    const [about = '', ...details] = words(`purpose.${id}.text`).split('\n')
    const box = boxFor(`purpose.${id}`, category)
    box.checked = !!((showing.categories | Essential) & category)
    const part = element('div', { class: 'part', role: 'group', 'aria-labelledby': `purpose.${id}-name` })
    part.append(labelled(`purpose.${id}`, box, category), element('p', { id: `purpose.${id}-text` }, about))
    const services = declared.map((service) => {
      const one = boxFor(service.id, category)
      one.checked = box.checked && (category === Essential || (showing.services?.includes(service.id) ?? true))
      part.append(
        labelled(service.id, one, category, 'service'),
        element('p', { id: `${service.id}-text` }, words(`${service.id}.text`)),
      )
      return one
    })
    if (details.length) {
      const summary = element('summary', {}, words('details'))
      part.append(element('details', {}, summary, ...details.map((line) => element('p', {}, line))))
    }
    follow(box, services, own.length > declared.length)
    all.push({ category, box, services })
    return part
  }

  function labelled(id: string, box: HTMLElement, category: Categories, kind = ''): HTMLElement {
    const label = element('label', { class: kind }, element('span', { id: `${id}-name` }, words(id)))
    if (category === Essential && !kind) label.append(element('small', {}, words('always_on')))
    label.append(box)
    return label
  }

  return () => {
    const granted = all.filter(({ box }) => box.checked || box.indeterminate)
    const services = granted.flatMap((part) => (part.category === Essential ? [] : part.services))
    const ticked = services.filter((box) => box.checked)
    return {
      categories: granted.reduce((bits, { category }) => bits | category, 0),
      services: ticked.length < services.length ? ticked.map(({ value }) => value) : undefined,
    }
  }
}

function boxFor(id: string, category: Categories): HTMLInputElement {
  const box = element('input', { type: 'checkbox', value: id, 'aria-describedby': `${id}-text` })
  box.disabled = category === Essential
  return box
}

/** Services follow the box of their category, which stands between yes and no where some are ticked. */
function follow(box: HTMLInputElement, services: readonly HTMLInputElement[], ownPart: boolean): void {
  const show = () => {
    const ticked = services.filter((service) => service.checked).length
    if (!ownPart && services.length) box.checked = ticked > 0
    if (ticked) box.checked = true
    box.indeterminate = box.checked && ticked < services.length
  }
  box.addEventListener('change', guard(() => {
    for (const service of services) service.checked = box.checked
    box.indeterminate = false
  }))
  for (const service of services) service.addEventListener('change', guard(show))
  show()
}
