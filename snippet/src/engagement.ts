import { listen } from './listen.ts'
import type { Feature } from './tracker.ts'

const tickMs = 5000
const ticksPerReport = 3
/** The wire's limit: a day. */
const maxMs = 86_400_000

/** Measures for how long the page is visible and has the focus, and reports the view's total so far. */
export const watchEngagement: Feature = (tracker) => {
  let engaged = false
  let since = 0
  let ticks = 0

  function measure(): void {
    const now = performance.now()
    const view = tracker._view()
    // A longer step than two ticks is a computer that slept.
    if (engaged) view._engaged = Math.min(view._engaged + Math.min(now - since, 2 * tickMs), maxMs)
    engaged = document.visibilityState === 'visible' && document.hasFocus()
    since = now
  }

  function settle(): void {
    measure()
    const view = tracker._view()
    const total = Math.round(view._engaged)
    if (total <= view._reported) return
    view._reported = total
    tracker._report({ kind: 'engagement', engaged: total })
  }

  // The tick sees what no event tells: the focus went from a frame in the page to another window.
  const timer = setInterval(() => (++ticks % ticksPerReport ? measure() : settle()), tickMs)
  const stop = listen(window, ['visibilitychange', 'focus', 'blur', 'pageshow'], measure)
  settle()
  return {
    _settle: settle,
    _stop() {
      clearInterval(timer)
      stop()
    },
  }
}
