/** Makes an element with attributes and content. Nothing is ever parsed as HTML. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: { readonly [name: string]: string } = {},
  ...content: readonly (string | Node)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...content)
  return made
}

/** Draws an SVG of shapes: the name and attributes of each. It is an ornament beside words, and nothing reads it out. */
export function drawing(viewBox: string, width: number, ...shapes: readonly (readonly [string, object])[]): SVGElement {
  const make = (tag: string, attributes: object) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
    return made
  }
  const svg = make('svg', { viewBox, width, 'aria-hidden': true, focusable: false })
  svg.append(...shapes.map(([tag, attributes]) => make(tag, attributes)))
  return svg
}
