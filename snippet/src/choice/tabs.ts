import { guard } from '../guard.ts'
import { listen } from '../listen.ts'
import { save } from '../storage.ts'

/** Two choices are one moment when no more lies between them, in ms. */
export const momentMs = 1000

/** What a tab says to the others when a choice was made in it. */
export type Said = {
  /** The plain text of the choice. */
  readonly text: string
  /** When, in ms since the Unix epoch. */
  readonly at: number
}

/**
 * Tells other tabs of the same origin of a choice and hears theirs. By BroadcastChannel while a choice is fresh, since an
 * open channel can keep a page out of the back-forward cache; and by a storage event, which also wakes the trackers there.
 */
export function openTabs(name: string, hear: (said: Said) => void): (said: Said) => void {
  const take = guard((said: unknown) => {
    const { text, at } = Object(said) as { readonly text?: unknown; readonly at?: unknown }
    if (typeof text === 'string' && typeof at === 'number') hear({ text, at })
  })
  listen(window, ['storage'], (event) => {
    const { key, newValue } = event as StorageEvent
    if (key === name && newValue) take(JSON.parse(newValue))
  })
  let channel: BroadcastChannel | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function open(): BroadcastChannel {
    const opened = new BroadcastChannel(name)
    opened.onmessage = ({ data }) => take(data)
    return opened
  }

  return (said) => {
    // Nothing of it stays: setting and removing is one event with the text, and one without.
    save(name, JSON.stringify(said))
    save(name, '')
    clearTimeout(timer)
    timer = setTimeout(() => {
      channel?.close()
      channel = undefined
    }, momentMs)
    guard(() => (channel ??= open()).postMessage(said))() // throws where a page or a browser has no channels
  }
}
