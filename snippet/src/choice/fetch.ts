import type { HandingScript } from '../handover.ts'
import type { Canvas, Notice, Painter } from './drawing.ts'
import type { Listed } from './locale.ts'

/** A script's name under the endpoint, and its SRI value. */
export type Named = readonly [name: string, integrity: string]

/** Fetches a notice. The browser itself holds it to its hash, so that what is shown is what is archived. */
export async function fetchNotice(endpoint: string, { _shown }: Listed): Promise<Notice> {
  const bytes = (_shown.match(/../g) ?? []).map((digits) => parseInt(digits, 16))
  const integrity = `sha256-${btoa(String.fromCharCode(...bytes))}`
  const answer = await fetch(`${endpoint}/${_shown.slice(0, 32)}.json`, { integrity, credentials: 'omit' })
  return (await answer.json()) as Notice // nothing else has this hash
}

/** Fetches what draws. A policy of the page that allows our scripts by a nonce allows it by own's. */
export function fetchPainter(endpoint: string, [name, integrity]: Named, own: HandingScript): Promise<Painter> {
  return new Promise((resolve, reject) => {
    const heed: Canvas = { ready: resolve }
    const script = Object.assign(document.createElement('script'), { heed, integrity, crossOrigin: 'anonymous' })
    if (own.nonce) script.nonce = own.nonce
    script.onerror = reject
    script.src = `${endpoint}/${name}`
    document.head.append(script)
  })
}
