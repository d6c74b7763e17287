import { Advertising, Essential, Functional, Performance, type Categories } from '../../../consent/categories.ts'
import { isAllowed } from '../stub/decide.ts'
import { fits } from '../stub/guards.ts'
import { tried } from '../tried.ts'
import { Open, type Allowed, type Service } from '../stub/stub.ts'

/** What others call our categories in their marks. */
const words: readonly (readonly [RegExp, Categories])[] = [
  [/^(essential|necessary|required|strictly-necessary|security)$/, Essential],
  [/^(functional|functionality|preferences|personalization)$/, Functional],
  [/^(performance|analytics|statistics|measurement)$/, Performance],
]

/** The marks of ours and of others, by which an element waits: a script of type text/plain, or an embed with data-heed-src. */
export const marked =
  'script[type="text/plain"]:is([data-heed-category],[data-heed-service],[data-category],[data-service],[data-name],[data-cookieconsent]),[data-heed-src]'

/** The category that a word means; what nobody knows counts as advertising. */
export function categoryOf(word: string): Categories {
  return words.find(([form]) => form.test(word.trim().toLowerCase()))?.[1] ?? Advertising
}

/** The service that an element names, if the site has declared it. */
export function serviceOf({ dataset }: HTMLElement, services: readonly Service[]): Service | undefined {
  const id = (dataset.heedService ?? dataset.service ?? dataset.name)?.toLowerCase()
  return services.find((service) => service[0] === id)
}

/** The categories that an element needs: those of its service, else those that its marks name. */
export function categoriesOf(element: HTMLElement, services: readonly Service[]): Categories {
  const { heedCategory, category, cookieconsent } = element.dataset
  const named = heedCategory ?? category ?? cookieconsent ?? ''
  return serviceOf(element, services)?.[1] ?? named.split(/[ ,]+/).reduce((all, word) => all | categoryOf(word), 0)
}

/** Whether a marked element may come to life: all that its marks name must be allowed. */
export function mayLive(element: HTMLElement, services: readonly Service[], allowed: Allowed): boolean {
  const service = serviceOf(element, services)
  if (service) return isAllowed(allowed, service)
  // Where only some services are allowed, those that nobody has declared are not.
  return !!(allowed[0] & Open) || (!allowed[1] && !(categoriesOf(element, services) & ~allowed[0]))
}

/** The host that a marked element would speak with, "" for code in the page itself. */
export function hostOf(element: HTMLElement): string {
  const address = element.dataset.heedSrc ?? element.dataset.src ?? element.getAttribute('src')
  return (address && tried(() => new URL(address, location.href).hostname)) || ''
}

/** Whether a host is one of a service's; a policy's ports and paths are left out. */
export function isHostOf(service: Service, host: string): boolean {
  return fits(host, service[3].replace(/[:/]\S*/g, '').trim())
}
