import { Advertising } from '../../../../consent/categories.ts'
import { word, type Mode } from '../modes.ts'

declare global {
  interface Window {
    uetq?: { push(...command: unknown[]): unknown }
  }
}

/** Microsoft Advertising's UET, which has one signal. */
export const uet: Mode = ({ _granted }, first) => {
  const queue = (window.uetq ||= [])
  queue.push('consent', first ? 'default' : 'update', { ad_storage: word(_granted & Advertising) })
}
