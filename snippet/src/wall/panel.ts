import { guard } from '../guard.ts'

const look = `:host{all:initial;display:block}div{align-items:center;background:Canvas;border:1px solid GrayText;border-radius:8px;box-sizing:border-box;color:CanvasText;color-scheme:light dark;
display:flex;flex-direction:column;font:16px/1.5 system-ui,sans-serif;gap:12px;justify-content:center;min-height:inherit;overflow-wrap:anywhere;padding:16px;text-align:center}p{margin:0}
button{background:ButtonFace;border:2px solid CanvasText;border-radius:6px;color:ButtonText;cursor:pointer;font:inherit;font-weight:600;min-height:44px;padding:8px 16px}
:focus-visible{outline:3px solid Highlight;outline-offset:2px}@media print{div{display:none}}`

/** A text of ours in the page, with one button where there is something to press. The page's styles do not reach it. */
export function panel(text: string, label: string, press: () => void): HTMLElement {
  const host = document.createElement('div')
  const root = host.attachShadow({ mode: 'closed' })
  const sheet = new CSSStyleSheet() // a style element would fall to a page's own policy
  sheet.replaceSync(look)
  root.adoptedStyleSheets = [sheet]
  const box = document.createElement('div')
  const paragraph = document.createElement('p')
  paragraph.textContent = text
  box.dir = 'auto'
  box.append(paragraph)
  if (label) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = label
    button.addEventListener('click', guard(press))
    box.append(button)
  } else {
    box.setAttribute('role', 'status')
  }
  root.append(box)
  return host
}

/** Tells the visitor something that needs no answer, at the foot of the page until the next one. */
export function tell(text: string): void {
  const shown = panel(text, '', () => {})
  Object.assign(shown.style, { position: 'fixed', inset: 'auto 16px 16px', zIndex: '2147483646', pointerEvents: 'none' })
  document.body.append(shown)
}
