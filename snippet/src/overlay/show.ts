import { listen } from '../listen.ts'
import type { Stub } from '../stub/stub.ts'
import { heldHere } from '../wall/inventory.ts'
import { entry, part, sheet } from './draw.ts'
import { declaring, decisionOf, nameOf, namesHere, ruleOf, type Seen } from './findings.ts'

/** What the wall's script hands the overlay. */
export type OverlayHanded = { readonly stub: Stub }

/** Shows what the wall does on this page, and goes on showing it until it is closed. */
export function showOverlay(tag: string, { stub }: OverlayHanded): void {
  const host = document.createElement('div')
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [sheet()]
  const box = part('section', '')
  box.setAttribute('aria-label', 'Heed on this page')
  const close = part('button', 'Close')
  const body = part('div', '')
  box.append(part('h2', 'Heed on this page'), close, body)
  root.append(box)

  let due = 0
  const draw = () => body.replaceChildren(...state(tag, stub), ...held(stub), ...names(stub))
  const soon = () => {
    due ||= requestAnimationFrame(() => {
      due = 0
      draw()
    })
  }
  const ends = [listen(document, ['securitypolicyviolation', 'heed:consent'], soon)]
  close.addEventListener('click', () => {
    for (const end of ends) end()
    host.remove()
  })
  draw()
  ;(document.body ?? document.documentElement).append(host)
}

/** How strong the wall is, whether the page has the tag of today, and what the visitor has decided where. */
function state(tag: string, stub: Stub): Node[] {
  const pasted = document.querySelector<HTMLElement>('script[data-heed]')?.dataset.heed
  const lines = [`Wall: ${stub.strength}`, `Decision: ${decisionOf()}`, `Rules of the place: ${ruleOf(stub.rules)}`]
  const list = part('ul', '')
  list.append(...lines.map((line) => part('li', line)))
  if (pasted === tag) return [list]
  const stale = part('p', 'The tag of this page is older than the configuration. Paste it again: heed tag prints it.')
  stale.className = 'bad'
  return [list, stale]
}

/** What was held back here, each with the line that allows it. */
function held(stub: Stub): Node[] {
  const kinds = new Map<string, string[]>()
  for (const { host, kind } of heldHere(stub.held)) kinds.set(host, [...(kinds.get(host) ?? []), kind])
  const list = part('ul', '')
  for (const [host, of] of kinds) {
    const service = declaring(stub, host)
    const what = `${host === 'self' ? 'this site, which redirects elsewhere' : host}: ${of.join(', ')}`
    if (service) list.append(entry(`${what}; declared by ${service[0]}, not allowed yet`))
    else if (host === 'self') list.append(entry(what))
    else list.append(entry(`${what}; not declared`, `hosts: [https://${host}]`))
  }
  return [part('h3', `Held back: ${kinds.size || 'nothing'}`), list]
}

/** What is kept in this browser, and by whom as far as it is declared. */
function names(stub: Stub): Node[] {
  const seen = namesHere()
  const list = part('ul', '')
  const undeclared = (name: Seen) => !nameOf(stub, name.name)
  for (const name of seen) {
    const by = nameOf(stub, name.name)
    list.append(by ? entry(`${name.name} (${name.place}): ${by}`) : entry(`${name.name} (${name.place}): not declared`, `stores: [${name.name}]`))
  }
  return [part('h3', `Cookies and keys: ${seen.length || 'none'}, ${seen.filter(undeclared).length} not declared`), list]
}
