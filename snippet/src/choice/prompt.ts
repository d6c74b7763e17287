import { Advertising, Essential } from '../../../consent/categories.ts'
import { SeenDNT, SeenGPC } from '../../../consent/choice.ts'
import { warn } from '../guard.ts'
import type { Host } from '../handover.ts'
import { dnt, gpc } from '../signals.ts'
import type { Chooser } from './chooser.ts'
import { fetchNotice, type Notice } from './fetch.ts'
import { pickNotice, readTable, type Listed } from './locale.ts'
import type { ChoosingSite, Means } from './site.ts'
import { showNotice } from './view.ts'

/** Why a notice is shown: there is something to ask, a signal has just been honoured, or the visitor asked for it. */
export type Why = 'due' | 'honoured' | 'wanted'

/** The notice on the screen, if any. */
export type Prompt = {
  readonly _show: (why: Why) => void
  /** The visitor has answered elsewhere: what only asks goes. */
  readonly _answered: () => void
  /** shown_hash of the notice in force here. */
  readonly _shown: () => string | undefined
}

/** Opens the showing of notices. Until one can be fetched nothing is shown, and what was in force stays. */
export function openPrompt(site: ChoosingSite, host: Host, chooser: Chooser): Prompt {
  const { _choices } = chooser
  const notices = readTable(site._notices)
  let why: Why | undefined // why one is shown or fetched; undefined when none is
  let remove = () => {}
  let since = 0

  function inForce(): Listed | undefined {
    const page = document.documentElement.lang
    return pickNotice(notices, [...(page ? [page] : []), ...navigator.languages])
  }

  function hide(): void {
    why = undefined
    remove()
    remove = () => {}
  }

  function put(listed: Listed, notice: Notice): void {
    const choice = _choices._choice()
    const { _granted, _answered } = _choices._decide()
    const bits = choice?._bits ?? 0
    const signalled = gpc() || dnt() || bits & (SeenGPC | SeenDNT) || host.rules & Advertising
    since = performance.now()
    remove = showNotice({
      _notice: notice,
      _ticked: _answered || !site._optIn ? _granted : 0,
      _honoured: !!signalled && !(_granted & Advertising),
      _receipt: choice?._proof ? `${site._endpoint}/receipt/${choice._proof.slice(1, 33)}` : '',
      _wanted: why === 'wanted',
      _pressed(action, control, wanted) {
        hide()
        const dwell = Math.round(Math.min(performance.now() - since, 86400000))
        const means: Means = { method: 'button', control, dwell, shown: listed._shown }
        if (action === 'accept') chooser._choose(wanted, means, wanted)
        else if (action === 'reject') chooser._choose(Essential, means)
        else if (action === 'save') chooser._choose(wanted, means)
        else if (!_choices._decide()._answered) {
          // A close is a choice of what was in force.
          chooser._choose(_choices._decide()._granted, { method: 'close', dwell, shown: listed._shown })
        }
      },
    })
    if (why === 'due') site._reports(chooser, listed._shown, !!choice)
  }

  return {
    _show(because) {
      const listed = inForce()
      if (why || !listed || parent !== window) return
      why = because
      fetchNotice(site._endpoint, listed).then(
        (notice) => why && put(listed, notice),
        (problem) => {
          warn(problem)
          if (because === 'wanted') why = undefined // may be wanted again
        },
      ).catch(warn)
    },
    _answered() {
      if (why === 'due') hide()
    },
    _shown: () => inForce()?._shown,
  }
}
