import { own, replace } from '../stub/guards.ts'

/** Lets events of storage take and name what the page sees, which to the browser is another object. */
export function nameAreas(): void {
  replace(StorageEvent.prototype, 'storageArea', ({ get }) => ({
    get() {
      const area = get!.call(this)
      return area && (area === (localStorage as any)[own] ? localStorage : sessionStorage)
    },
  }))
  replace(window, 'StorageEvent', ({ value }) => ({
    value: new Proxy(value, {
      construct: (of, [type, init]) => new of(type, { ...init, storageArea: init?.storageArea?.[own] ?? init?.storageArea }),
    }),
  }))
}
