import { Advertising, All, Essential, type Categories } from '../../../consent/categories.ts'
import { formatChoice, OptOut, parseChoice, Partial, SeenDNT, SeenGPC, Unsent, type Choice } from '../../../consent/choice.ts'
import type { ConsentEvent } from '../../../schemas/event.gen.ts'
import { guard } from '../guard.ts'
import type { Host } from '../handover.ts'
import { today, unsentDays } from '../permission.ts'
import { uuidv7 } from '../random.ts'
import { dnt, gpc } from '../signals.ts'
import { describe } from '../state.ts'
import { load, save } from '../storage.ts'
import { tabsName, unheardName, untoldName } from '../store.ts'
import { openChoices, plain, stricterOf, unsent, type Choices } from './choices.ts'
import type { Allowed } from './drawing.ts'
import { happened, untold, type Happened } from './happened.ts'
import type { ChoosingSite, Means } from './site.ts'
import { momentMs, openTabs, type Said } from './tabs.ts'
import { openTeller } from './teller.ts'

/** Makes choices, keeps them, and sees to it that the collector learns of each. */
export type Chooser = {
  readonly _choices: Choices
  /** The visitor chose, out of what was asked for. */
  readonly _choose: (allowed: Allowed, means: Means, asked?: Categories) => void
  /** Signals, as unlatched gives them, become part of the choice. shown is the notice in force. */
  readonly _latch: (signals: number, shown: string | undefined) => void
  /** Tells the choice again that an earlier page could not. */
  readonly _retell: () => void
  /** Tells something that is no choice; once, and not again when it does not arrive. */
  readonly _report: (event: ConsentEvent['event'], means: Means) => void
}

/** What this page has chosen last. */
type Mine = Said & {
  readonly _means: Means
  /** The plain text of what was kept before it. */
  readonly _before: string
  /** As it is kept: marked as unsent, or sealed. */
  _kept: string
}

/** Opens the making of choices on one site. */
export function openChooser(site: ChoosingSite, host: Host): Chooser {
  const choices = openChoices(site, host)
  const teller = openTeller(site._endpoint, choices, host)
  const say = openTabs(tabsName(site._key), hear)
  const untoldKey = untoldName(site._key)
  let telling = '' // the plain text of the choice that is being told
  let mine: Mine | undefined
  let theirs: Said | undefined // the latest choice of another tab, behind ours

  /** Keeps a choice and tells it. What grants or ends a grant is told by the same event on the next page, too. */
  function store(text: string, what: Happened, means: Means, services?: readonly string[]): void {
    const event = eventOf({ ...what, ...means, ...listOf(services) }, Date.now())
    choices._keepServices(text, services)
    choices._keep(unsent(text))
    save(unheardName(site._key), '')
    save(untoldKey, grants(text) || event.ends ? JSON.stringify({ text, event }) : '')
    tell(text, event)
    if (host.wall) host.wall.chosen = true // more may run on this page from here on
    host.follow()
  }

  function tell(text: string, event: ConsentEvent): void {
    telling = text
    teller(event, text, (sealed) => {
      if (grants(text) && !sealed) return
      const kept = plain(sealed) === text ? sealed : text
      const now = plain(choices._text())
      const later = mine ?? theirs
      if (mine?.text === text) {
        mine._kept = kept
        // The answer to a view that was under way when the visitor chose may have set the choice of before once more. What
        // else stands there was chosen elsewhere, and since.
        if (now === mine._before) choices._keep(kept)
      } else if (later && now === text) {
        choices._keep(unsent(later.text)) // nor may this answer, come late, undo what was chosen since
      }
      if (plain(choices._text()) === text) save(untoldKey, '')
      choices._replace(text, kept)
      host.follow()
    })
  }

  /**
   * Two tabs see each other's cookies late, so the last to write may have been the one that had not heard yet. A moment
   * later both know what holds: what grants no more takes the place of what does, or of what waits to be told.
   */
  function settle(): void {
    const [own, now] = [parseChoice(mine?._kept ?? ''), choices._choice()]
    if (mine && own && now && !(own._bits & ~now._bits & All) && now._bits & ~own._bits & (All | Unsent)) {
      choices._keep(mine._kept)
      host.follow()
    }
  }

  const settleLater = () => setTimeout(guard(settle), momentMs)

  /** Another tab chose. Within a moment of ours what both grant holds; the later of the two records that. */
  function hear(said: Said): void {
    if (!mine || said.at - mine.at > momentMs) { // theirs is the later one
      mine = undefined
      if (!theirs || said.at > theirs.at) theirs = said // they may be heard in another order
    }
    const [own, other] = [parseChoice(mine?.text ?? ''), parseChoice(said.text)]
    if (!mine || !own || !other || other._notice !== own._notice || Math.abs(said.at - mine.at) > momentMs) return
    const text = formatChoice(stricterOf(own, other))
    const { at, _means, _before, _kept } = mine
    if (text !== said.text) say({ text, at })
    settleLater()
    const known = text === mine.text
    if (!known) mine = { text, at, _means, _before, _kept: unsent(text) }
    if (at < said.at) return host.follow() // the other tab keeps it, and knows when it has been told
    if (known) {
      if (plain(choices._text()) !== text) choices._keep(_kept)
      return host.follow()
    }
    store(text, happened(parseChoice(_kept), (own._bits & other._bits) | Essential), by('itself', _means.shown))
  }

  return {
    _choices: choices,
    _choose({ categories: granted, services }, _means, asked = All) {
      const before = choices._choice()
      const allowed = choices._services()
      const seen = (gpc() ? SeenGPC : 0) | (dnt() ? SeenDNT : 0) | (host.rules & Advertising ? OptOut : 0)
      const categories = (granted & host.most) | Essential
      const partial = services && categories !== Essential ? Partial : 0
      const text = formatChoice({ _bits: categories | seen | partial, _day: today(), _notice: site._notice, _proof: '' })
      const _before = plain(choices._text())
      // What has yet to be told ends a grant. This choice ends it too: it takes the place of the one that is to be told.
      const ended = parseChoice(readUntold(load(untoldKey), _before)?.ends ?? '')
      mine = { text, at: Date.now(), _means, _before, _kept: unsent(text) }
      theirs = undefined
      const fewer = !!partial && !(allowed ?? ['']).every((id) => services?.includes(id))
      store(text, happened(ended ?? before, categories, partial ? 0 : asked, fewer), _means, partial ? services : undefined)
      if (before && (before._bits & All) === categories && String(choices._services()) !== String(allowed)) {
        // The tracker sees no service: to it nothing has changed.
        document.dispatchEvent(new CustomEvent('heed:consent', { detail: describe(choices._decide()) }))
      }
      say({ text, at: mine.at })
    },
    _latch(signals, shown) {
      mine = theirs = undefined
      const before = choices._choice()
      const base: Choice = before ?? { _bits: (host.rules & All) | OptOut, _day: today(), _notice: site._notice, _proof: '' }
      const text = formatChoice({ ...base, _bits: (base._bits & ~Advertising & ~Unsent) | signals, _proof: '' })
      if (before?._proof) store(text, happened(before, before._bits & ~Advertising), by('signal', shown), choices._services())
      else store(text, { event: signals & SeenGPC ? 'gpc' : 'dnt' }, { method: 'signal' }, choices._services())
    },
    _retell() {
      const choice = choices._choice()
      const text = plain(choices._text())
      if (!choice || !(choice._bits & Unsent) || text === telling) return
      if (today() - choice._day > unsentDays) {
        save(untoldKey, '')
        // To all scripts as a choice for another notice: it may only take away.
        return choices._keep(grants(text) ? formatChoice({ ...choice, _bits: choice._bits & ~Unsent, _notice: '00000000' }) : text)
      }
      // All that is known of its time is the day.
      const created = Math.min(Date.now(), (choice._day + 1) * 86400000 - 1)
      tell(text, readUntold(load(untoldKey), text) ?? eventOf({ ...untold(choice), ...listOf(choices._services()) }, created))
    },
    _report(event, means) {
      teller(eventOf({ event, ...means }, Date.now()), choices._text(), () => {})
    },
  }
}

/** Whether the choice is a yes that the collector seals. */
function grants(text: string): boolean {
  const choice = parseChoice(text)
  return !!choice && !(choice._bits & OptOut) && (choice._bits & All) !== Essential
}

/** What nobody did here, with the notice in force; the wire knows none on a site without notices. */
function by(method: Means['method'], shown: string | undefined): Means {
  return shown ? { method, shown } : { method: 'api' }
}

/** The services that are allowed, where they are not all. */
const listOf = (services: readonly string[] | undefined) => (services ? { services: [...services] } : {})

function eventOf(what: Omit<ConsentEvent, 'id' | 'created'>, created: number): ConsentEvent {
  return { id: uuidv7(Date.now()), created, ...what }
}

/** The event that was stored with a choice. Anyone may have written there: the collector looks at what it says. */
function readUntold(stored: string, text: string): ConsentEvent | undefined {
  try {
    const kept = Object(JSON.parse(stored || '0')) as { readonly text?: unknown; readonly event?: ConsentEvent }
    return kept.text === text ? kept.event : undefined
  } catch {
    return undefined
  }
}
