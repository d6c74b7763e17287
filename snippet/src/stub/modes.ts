import { All, Essential, type Categories } from '../../../consent/categories.ts'
import { isAllowed } from './decide.ts'
import { Answered, Undecided, type Allowed, type Service } from './stub.ts'

/** What a consent mode tells others of. */
export type Decided = {
  /** At first, where a choice is there already, essential alone: the choice is told next. */
  readonly _granted: Categories
  readonly _answered: boolean
  /** What is granted depends on nothing but the place, and that is not known. */
  readonly _anywhere: boolean
}

/** Tells the scripts of others: first, before any of them runs, what holds until they hear more, then each decision once. */
export type Mode = (decided: Decided, first: boolean) => void

/** What Google and Microsoft call a category that is granted, and one that is not. */
export const word = (granted: number): string => (granted ? 'granted' : 'denied')

/** Returns what tells the modes of a decision, and nothing where it changes nothing. */
export function openModes(modes: readonly Mode[], services: readonly Service[]): (allowed: Allowed, anywhere: boolean) => void {
  let last = 0 // nothing: essential is always granted
  return (allowed, anywhere) => {
    const [bits] = allowed
    const _answered = !!(bits & Answered)
    const tell = (_granted: Categories, first: boolean) => {
      for (const mode of modes) {
        try {
          mode({ _granted, _answered, _anywhere: anywhere && !!(bits & Undecided) }, first)
        } catch {
          // The page has put something else there. Others hear it all the same.
        }
      }
    }
    // Others know categories and not our services: one counts when all that the site has declared of it may run.
    const granted = services.reduce((all, service) => (isAllowed(allowed, service) ? all : all & ~service[1]), bits & All)
    const state = granted + (_answered ? 16 : 0)
    if (state === last) return
    if (!last) tell(_answered ? Essential : granted, true)
    if (last || _answered) tell(granted, false)
    last = state
  }
}
