import { All, Essential, type Categories } from '../../../consent/categories.ts'
import { isAllowed } from './decide.ts'
import { Answered, Undecided, type Allowed, type Service, type Stub } from './stub.ts'

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

/**
 * Returns what tells the modes what is allowed, and nothing where that has not changed. What was chosen on another page takes
 * away here, and grants from the next page on.
 */
export function openModes(modes: readonly Mode[], services: readonly Service[]): (allowed: Allowed, wall: Pick<Stub, 'chosen'>, place: string | undefined) => void {
  let last = 0 // nothing: essential is always granted
  return (allowed, { chosen }, place) => {
    const [bits] = allowed
    // Others know categories and not our services: one counts when all that the site has declared of it may run.
    const now = services.reduce(
      (left, service) => (isAllowed(allowed, service) ? left : left & ~service[1]),
      bits & (chosen || !last ? All | Answered : last),
    )
    if (now === last) return
    const _answered = !!(now & Answered)
    const tell = (granted: number, first: boolean) => {
      for (const mode of modes) {
        try {
          mode({ _granted: granted & All, _answered, _anywhere: !place && !!(bits & Undecided) }, first)
        } catch {
          // The page has put something else there. Others hear it all the same.
        }
      }
    }
    if (!last) tell(_answered ? Essential : now, true)
    if (last || _answered) tell(now, false)
    last = now
  }
}
