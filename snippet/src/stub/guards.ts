// A policy says who is spoken with, not what is kept: scripts of the page could store anything. What they may not falls
// here, as under a content blocker. A fresh frame's realm walks around this, so the wall's script sweeps as well.

/** Whether something may be kept under a name. */
type MayKeep = (name: string) => boolean

/** Whether a name is in a list with spaces between, in which a * stands for any text. */
export function fits(name: string, list: string): boolean {
  const pattern = list.replace(/[^\w* ]/g, '\\$&').replace(/\*/g, '.*').replace(/ /g, '|')
  return !!list && new RegExp(`^(${pattern})$`).test(name)
}

/** Ends whatever may not be, as a browser does that blocks it. */
export function refuse(): never {
  throw new DOMException('held back', 'SecurityError')
}

/** Puts something in the place of a property of the browser's. */
function replace(of: object, name: string, make: (old: any) => PropertyDescriptor): void {
  Object.defineProperty(of, name, { configurable: true, ...make(Object.getOwnPropertyDescriptor(of, name)) })
}

/** Lets the page keep only what it may. */
export function guardStores(mayKeep: MayKeep): void {
  replace(Document.prototype, 'cookie', ({ get, set }) => ({
    get,
    set(value) {
      const [text] = /^[^\0\r\n]*/.exec(value)!
      // What may not be kept may be ended: the last age counts.
      set.call(this, mayKeep(/[^=; ]*/.exec(text)![0]) ? text : `${text};max-age=0`)
    },
  }))
  guardMethod('CookieStore', 'set', mayKeep, async () => refuse())
  guardMethod('CacheStorage', 'open', mayKeep, async () => refuse())
  guardMethod('IDBFactory', 'open', mayKeep, refuse)
  guardArea('localStorage', mayKeep)
  guardArea('sessionStorage', mayKeep)
}

/** Ends calls of a method that may not keep what they name first. */
function guardMethod(type: string, method: string, mayKeep: MayKeep, instead: () => unknown): void {
  const proto = (window as { readonly [name: string]: any })[type]?.prototype
  if (!proto) return
  const original = proto[method]
  proto[method] = function (...args: [any]) {
    return mayKeep(args[0]?.name ?? args[0]) ? original.apply(this, args) : instead()
  }
}

/** Storage as the page sees it: localStorage.name = value writes as well. */
function guardArea(area: string, mayKeep: MayKeep): void {
  replace(window, area, ({ get }) => {
    let guarded: Storage | undefined
    return {
      get() {
        const storage = get.call(window)
        const set = (_: unknown, name: string, value: string) => (mayKeep(`${name}`) && storage.setItem(name, value), true)
        return (guarded ??= new Proxy(storage, {
          set: set as ProxyHandler<Storage>['set'] & {},
          get(_, name) {
            const found = storage[name]
            return name === 'setItem' ? set.bind(0, 0) : found?.call ? found.bind(storage) : found
          },
        }))
      },
    }
  })
}
