// A policy says who is spoken with, not what is kept: scripts of the page could store anything. What they may not falls
// here, as under a content blocker. A fresh frame's realm walks around this, so the wall's script sweeps as well.
import { tried } from '../tried.ts'

/** Whether a name is in a list with spaces between, in which a * stands for any text. */
export function fits(name: string, list: string): boolean {
  const pattern = list.replace(/[^\w* ]/g, '\\$&').replace(/\*/g, '.*').replace(/ /g, '|')
  return !!list && new RegExp(`^(${pattern})$`).test(name)
}

/** Ends whatever may not be, as a browser does that blocks it. */
export function refuse(): never {
  throw new DOMException('', 'SecurityError')
}

/** Changes a property of the browser's, where it has one: what is not named stays as it was. */
export function replace(of: object, name: string, change: (old: any) => PropertyDescriptor): void {
  tried(() => Object.defineProperty(of, name, change(Object.getOwnPropertyDescriptor(of, name))))
}

/** Lets the page keep only what it may, by the name under which it is kept. */
export function guardStores(mayKeep: (name: string) => unknown): void {
  /** Ends calls of a method that may not keep what they name first. */
  function guard(type: string, method: string, instead?: () => unknown): void {
    replace((window as { readonly [name: string]: any })[type]?.prototype, method, ({ value }) => ({
      value(...args: [any]) {
        return !instead || mayKeep(args[0]?.name ?? args[0]) ? value.apply((this as any)[own] ?? this, args) : instead()
      },
    }))
  }

  replace(Document.prototype, 'cookie', ({ set }) => ({
    set(value) {
      const [text, kept] = /^([^=; \0\r\n]*)[^\0\r\n]*/.exec(value)!
      // What may not be kept may be ended: the last age counts.
      set.call(this, mayKeep(kept!) ? text : `${text};max-age=0`)
    },
  }))
  guard('CookieStore', 'set', async () => refuse())
  guard('CacheStorage', 'open', async () => refuse())
  guard('IDBFactory', 'open', refuse)
  guard('Storage', 'setItem', () => {})
  for (const method of ['getItem', 'removeItem', 'clear', 'key']) guard('Storage', method)
  // Storage as the page sees it: localStorage.name = value, too, is a call of setItem.
  for (const area of ['localStorage', 'sessionStorage']) {
    let guarded: Storage | undefined
    replace(window, area, ({ get }) => ({
      get: () =>
        (guarded ??= new Proxy(get!.call(window) as Storage, {
          set: (storage, name: string, value) => (storage.setItem(name, value), true),
          get: (storage, name: string | symbol) => (name === own ? storage : storage[name as string]),
        })),
    }))
  }
}

/** Under this name the page's view of a storage has the storage itself. The wall's script, built apart, finds it there too. */
export const own = Symbol.for('heed')
