import { Advertising } from '../../../../consent/categories.ts'
import type { Mode } from '../modes.ts'

type Pixel = { (...command: unknown[]): void; readonly queue?: unknown }

/**
 * Meta's pixel. Its code on the page does nothing where there is an fbq already, so nobody can queue ahead of it: it is told
 * when the page first looks for an fbq that can be called, which is before the page tells it anything.
 */
export function meta(): Mode {
  let pixel: Pixel | undefined
  let owed: ((fbq: Pixel) => void) | undefined

  function tell(): Pixel | undefined {
    const telling = owed
    if (telling && pixel?.queue) {
      owed = undefined // it looks itself up while it is told
      telling(pixel)
    }
    return pixel
  }

  return ({ _granted }, first) => {
    const granted = _granted & Advertising
    owed = (fbq) => {
      fbq('consent', granted ? 'grant' : 'revoke')
      // Limited data use, where Meta sees the visitor in a state that has it: an opt-out there.
      fbq('dataProcessingOptions', granted ? [] : ['LDU'], 0, 0)
    }
    if (first) Object.defineProperty(window, 'fbq', { configurable: true, get: tell, set: (fbq) => (pixel = fbq) })
    else tell()
  }
}
