import { All } from '../../../consent/categories.ts'
import { formatChoice, parseChoice, Partial, Unsent, type Choice } from '../../../consent/choice.ts'
import { daysShift } from '../../../consent/rules.ts'
import { readCookie, writeCookie } from '../cookie.ts'
import type { Host } from '../handover.ts'
import { openPermission, type Permission } from '../permission.ts'
import { load, save } from '../storage.ts'
import { servicesName } from '../store.ts'
import type { ChoosingSite } from './site.ts'

/** The visitor's choice, to be written as well. */
export type Choices = Permission & {
  /** Keeps a choice's text: where cookies are blocked, for this page load. */
  readonly _keep: (text: string) => void
  /** Keeps which services a choice allows, before the choice itself is kept. */
  readonly _keepServices: (text: string, services: readonly string[] | undefined) => void
  /** The declared services that a choice allows in part, none where nobody knows them; undefined where it is whole. */
  readonly _services: () => readonly string[] | undefined
  /** Keeps text in the place of a choice that was sent, unless the visitor has made a later one. */
  readonly _replace: (sent: string, text: string) => void
}

/** Opens the visitor's choice for one site, to read and to write. */
export function openChoices(site: ChoosingSite, host: Host): Choices {
  const permission = openPermission(site, host)
  const servicesKey = servicesName(site._key)

  function keep(text: string): void {
    // What the collector has set already stays: Safari forgets in seven days what a script has written.
    if (readCookie(site._name) !== text) writeCookie(site, text, host.rules >> daysShift)
    host.memory = readCookie(site._name) === text ? '' : text
  }

  return {
    ...permission,
    _keep: keep,
    _keepServices(text, services) {
      save(servicesKey, services ? [plain(text), ...services].join(' ') : '')
    },
    _services() {
      const text = permission._text()
      if (!((parseChoice(text)?._bits ?? 0) & Partial)) return undefined
      const [of, ...services] = load(servicesKey).split(' ')
      return of === plain(text) ? services : []
    },
    _replace(sent, text) {
      if (plain(permission._text()) === plain(sent) && parseChoice(text)) keep(text)
    },
  }
}

/** The text of a choice by itself: without seal and without the mark that it has not been told, but with mark. */
export function plain(text: string, mark = 0): string {
  const choice = parseChoice(text)
  return choice ? formatChoice({ ...choice, _bits: (choice._bits & ~Unsent) | mark, _proof: '' }) : ''
}

/** The same choice, marked as one that the collector has not been told of. */
export const unsent = (text: string): string => plain(text, Unsent)

/** What two choices agree on: only what both grant, and every signal that either has seen. */
export function stricterOf(a: Choice, b: Choice): Choice {
  return { ...a, _bits: (a._bits & b._bits & All) | ((a._bits | b._bits) & ~All), _day: Math.max(a._day, b._day) }
}
