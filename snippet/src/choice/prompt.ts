import { Advertising } from '../../../consent/categories.ts'
import { SeenDNT, SeenGPC } from '../../../consent/choice.ts'
import { guard, warn } from '../guard.ts'
import type { Host } from '../handover.ts'
import { dnt, gpc } from '../signals.ts'
import type { Chooser } from './chooser.ts'
import type { Notice, Painter } from './drawing.ts'
import { fetchNotice, fetchPainter } from './fetch.ts'
import { pickNotice, readTable, type Listed } from './locale.ts'
import { openReopener } from './reopener.ts'
import type { ChoosingSite } from './site.ts'

/** Why a notice is shown: there is something to ask, a signal has just been honoured, or the visitor asked for it. */
export type Why = 'due' | 'honoured' | 'wanted'

/** What stands on the screen, if anything. */
export type Prompt = {
  readonly _show: (why: Why) => void
  /** There is nothing to ask: what only asks goes, and what opens the choice again may stand. */
  readonly _rest: () => void
  /** shown_hash of the notice in force here. */
  readonly _shown: () => string | undefined
}

/** Opens the showing of notices. Until one can be fetched nothing is shown, and what was in force stays. */
export function openPrompt(site: ChoosingSite, host: Host, chooser: Chooser): Prompt {
  const { _choices } = chooser
  const notices = readTable(site._notices)
  const reopener = openReopener(site, host, () => show('wanted'))
  let fetched: Promise<readonly [Listed, Notice, Painter]> | undefined
  let why: Why | undefined // why one is shown or fetched; undefined when none is
  let remove = () => {}

  function inForce(): Listed | undefined {
    const page = document.documentElement.lang
    return pickNotice(notices, [...(page ? [page] : []), ...navigator.languages])
  }

  /** Calls paint when the notice in force and what draws it are there. They are fetched once, side by side. */
  function bring(paint: (listed: Listed, notice: Notice, painter: Painter) => void): void {
    const listed = inForce()
    if (!listed || parent !== window) return
    fetched ??= Promise.all([
      listed, // what is in force may change with the page's language; what is drawn does not
      fetchNotice(site._endpoint, listed),
      fetchPainter(host, site._banner),
    ])
    fetched.then((all) => paint(...all)).catch((problem) => {
      warn(problem)
      fetched = why = undefined // may be had later
    })
  }

  function hide(): void {
    why = undefined
    reopener._reveal(true) // what takes the focus back may be in there
    remove()
    remove = () => {}
  }

  function put(listed: Listed, notice: Notice, painter: Painter): void {
    const choice = _choices._choice()
    const { _granted, _answered } = _choices._decide()
    const bits = choice?._bits ?? 0
    const signalled = gpc() || dnt() || bits & (SeenGPC | SeenDNT) || host.rules & Advertising
    const since = performance.now()
    remove()
    remove = painter.notice({
      notice,
      categories: _answered || !site._optIn ? _granted : 0,
      services: _choices._services(),
      honoured: !!signalled && !(_granted & Advertising),
      receipt: choice?._proof ? `${site._endpoint}/receipt/${choice._proof.slice(1, 33)}` : '',
      wanted: why === 'wanted',
      pressed: guard((control, allowed, asked) => {
        hide()
        const what = { dwell: Math.round(Math.min(performance.now() - since, 86400000)), shown: listed._shown }
        if (allowed) chooser._choose(allowed, { method: 'button', control, ...what }, asked)
        else if (!_choices._decide()._answered) {
          // A close is a choice of what was in force.
          chooser._choose({ categories: _choices._decide()._granted }, { method: 'close', ...what })
        }
        rest()
      }),
    })
    reopener._reveal(false)
    if (why === 'due') site._reports(chooser, listed._shown, !!choice)
  }

  function show(because: Why): void {
    if (because === 'wanted') hide() // it may be gone with the page's body
    if (why || parent !== window || !inForce()) return
    why = because
    bring((...all) => why && put(...all))
  }

  function rest(): void {
    if (!why && reopener._isDue()) bring((_, notice, painter) => reopener._draw(notice, painter, !why))
  }

  return {
    _show: show,
    _rest() {
      if (why === 'due') hide()
      rest()
    },
    _shown: () => inForce()?._shown,
  }
}
