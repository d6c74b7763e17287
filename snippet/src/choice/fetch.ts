import type { Host, Named } from '../handover.ts'
import type { Canvas, Notice, Painter } from './drawing.ts'
import type { Listed } from './locale.ts'

/** Fetches a notice. The browser itself holds it to its hash, so that what is shown is what is archived. */
export async function fetchNotice(endpoint: string, { _shown }: Listed): Promise<Notice> {
  const bytes = (_shown.match(/../g) ?? []).map((digits) => parseInt(digits, 16))
  const integrity = `sha256-${btoa(String.fromCharCode(...bytes))}`
  const answer = await fetch(`${endpoint}/${_shown.slice(0, 32)}.json`, { integrity, credentials: 'omit' })
  return (await answer.json()) as Notice // nothing else has this hash
}

/** Fetches what draws, the way that all our scripts come. */
export function fetchPainter({ add }: Host, banner: Named): Promise<Painter> {
  return new Promise((ready, reject) => {
    const canvas: Canvas = { ready }
    add(banner, canvas).onerror = reject
  })
}
