import { Essential, type Categories } from '../../../consent/categories.ts'
import { guard } from '../guard.ts'
import { isAllowed } from '../stub/decide.ts'
import type { Allowed, Service } from '../stub/stub.ts'
import { categoryOf, serviceOf } from './marks.ts'
import { panel } from './panel.ts'
import type { Words } from './words.ts'

/** What is allowed as things are when it is asked, and whether an embed is. */
export type Now = { readonly _allowed: () => Allowed; readonly _may: (element: HTMLElement) => boolean }

/** Shows in the place of each embed that is held back what it is, and how to allow that one service. */
export function openEmbeds(services: readonly Service[], words: () => Promise<Words>, now: Now): () => void {
  const placeholders = new Map<HTMLElement, HTMLElement>()

  function wake(embed: HTMLElement): void {
    placeholders.get(embed)?.remove()
    placeholders.delete(embed)
    embed.hidden = false
    embed.setAttribute('src', embed.dataset.heedSrc ?? '')
    delete embed.dataset.heedSrc
  }

  async function hold(embed: HTMLElement): Promise<void> {
    if (!(embed instanceof HTMLIFrameElement) || !embed.getClientRects().length) return // it leaves no hole
    const said = await words()
    if (placeholders.has(embed) || now._may(embed)) return // by now
    const service = serviceOf(embed, services)
    const category = service?.[1] ?? categoryOf(embed.dataset.heedCategory ?? '')
    const host = new URL(embed.dataset.heedSrc ?? '', location.href).hostname
    const { width, height } = getComputedStyle(embed)
    const shown = panel(said.held.replace('{host}', host), said.allow.replace('{host}', host), () => allow(category, service, now._allowed(), services))
    Object.assign(shown.style, { display: 'block', width, minHeight: height, maxWidth: '100%' })
    embed.hidden = true // the placeholder stands where it stood: nothing moves
    embed.before(shown)
    placeholders.set(embed, shown)
  }

  return () => {
    for (const embed of document.querySelectorAll<HTMLElement>('[data-heed-src]')) {
      if (now._may(embed)) guard(wake)(embed)
      else if (!placeholders.has(embed)) hold(embed).catch(() => {})
    }
  }
}

/** Allows one service, or where the site has declared none the category, beside what is allowed already. */
function allow(category: Categories, service: Service | undefined, allowed: Allowed, services: readonly Service[]): void {
  const granted = allowed[0] | category
  const ids = services.filter((one) => one === service || (one[1] > Essential && isAllowed(allowed, one))).map(([id]) => id)
  window.heed?.('consent', {
    functional: !!(granted & 2),
    performance: !!(granted & 4),
    advertising: !!(granted & 8),
    ...(service ? { services: ids } : {}),
  })
}
