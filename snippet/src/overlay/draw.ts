/** An element with a text. */
export function part<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, text: string): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}

/** A line of a list, with a line of configuration that a click copies. */
export function entry(text: string, line?: string): HTMLLIElement {
  const made = part('li', text)
  if (!line) return made
  const code = part('code', line)
  const copy = part('button', 'Copy')
  copy.setAttribute('aria-label', `Copy ${line}`)
  copy.addEventListener('click', () => {
    // Where a page may not write to the clipboard, the line is there to be marked.
    Promise.resolve(navigator.clipboard?.writeText(line)).then(
      () => (copy.textContent = 'Copied'),
      () => getSelection()?.selectAllChildren(code),
    )
  })
  made.append(part('br', ''), code, ' ', copy)
  return made
}

/** A constructed sheet is no inline style: a policy of the page lets it pass. */
export function sheet(): CSSStyleSheet {
  const made = new CSSStyleSheet()
  made.replaceSync(`
:host{all:initial}
section{position:fixed;inset:auto 1rem 1rem auto;z-index:2147483647;box-sizing:border-box;max-width:min(30rem,calc(100vw - 2rem));max-height:70vh;
overflow:auto;padding:1rem;border:1px solid #767676;border-radius:.5rem;background:#fff;color:#1a1a1a;font:14px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h2,h3{margin:0 4rem .4rem 0;font-size:1rem}h3{margin-top:.9rem}
ul{margin:0;padding-left:1.1rem}li{margin:.2rem 0}p{margin:.5rem 0}.bad{color:#a40000;font-weight:600}
code{font:12px ui-monospace,monospace;background:#f0f0f0;padding:.1rem .25rem}
button{font:inherit;padding:.1rem .5rem;border:1px solid #767676;border-radius:.25rem;background:#f4f4f4;color:inherit;cursor:pointer}
section>button{position:absolute;top:.8rem;right:1rem}
@media print{section{display:none}}`)
  return made
}
