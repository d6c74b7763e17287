import { Advertising, Performance } from '../../../../consent/categories.ts'
import { word, type Mode } from '../modes.ts'

type Queue = { (...command: unknown[]): void; q?: unknown[] }

declare global {
  interface Window {
    clarity?: Queue
  }
}

/** Microsoft Clarity, version 2 of its consent. It has no default, and a "denied" ends its session: one word is said. */
export const clarity: Mode = ({ _granted, _answered }, first) => {
  if (first && _answered) return // the answer is next
  const queue: Queue = (window.clarity ||= function () {
    ;(queue.q ||= []).push(arguments)
  })
  queue('consentv2', { ad_Storage: word(_granted & Advertising), analytics_Storage: word(_granted & Performance) })
}
