import { Advertising, All, Essential, Functional, Performance, type Categories } from '../../../consent/categories.ts'
import type { Age } from '../../../schemas/event.gen.ts'

/** The wire's limits on services: entries, and characters of each. */
const maxServices = 200
const maxService = 64

/**
 * Reads the argument of heed('consent', …): 'allow', 'refuse' or an object with a boolean per category. A choice is
 * whole: what it does not name is refused. Undefined when it is none of these.
 */
export function readCategories(choice: unknown): Categories | undefined {
  if (choice === 'allow') return All
  if (choice === 'refuse') return Essential
  if (!choice || typeof choice !== 'object') return undefined
  const { functional, performance, advertising } = choice as { readonly [category: string]: unknown }
  return (
    Essential |
    (functional === true ? Functional : 0) |
    (performance === true ? Performance : 0) |
    (advertising === true ? Advertising : 0)
  )
}

/** Reads the services that a choice names; undefined when it names none, which are then all of its categories. */
export function readServices(choice: unknown): string[] | undefined {
  const { services } = Object(choice) as { readonly services?: unknown }
  if (!Array.isArray(services)) return undefined
  const names = services.filter((id): id is string => typeof id === 'string' && !!id && id.length <= maxService)
  return names.slice(0, maxServices)
}

/** Reads the argument of heed('age', …). */
export function readAge(age: unknown): Age | undefined {
  return age === 'u13' || age === '13-15' || age === '16-17' ? age : undefined
}
