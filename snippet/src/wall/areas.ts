import { own, replace } from '../stub/guards.ts'

/** Lets events of storage take and name what the page sees, which to the browser is another object. */
export function nameAreas(): void {
  replace(StorageEvent.prototype, 'storageArea', ({ get }) => ({
    get() {
      const area = get!.call(this)
      // Under a tag from before there were names, none of the two has one.
      return [localStorage, sessionStorage].find((seen: any) => seen[own] === area) ?? area
    },
  }))
  replace(window, 'StorageEvent', ({ value }) => ({
    value: new Proxy(value, {
      construct: (of, [type, init]) => new of(type, { ...init, storageArea: init?.storageArea?.[own] ?? init?.storageArea }),
    }),
  }))
}
