import { Advertising } from '../../consent/categories.ts'
import { SeenDNT, SeenGPC } from '../../consent/choice.ts'
import type { Rules } from '../../consent/rules.ts'

/** Whether the browser sends Global Privacy Control. */
export function gpc(): boolean {
  return (navigator as { globalPrivacyControl?: unknown }).globalPrivacyControl === true
}

/** Whether the browser sends Do Not Track. */
export function dnt(): boolean {
  return navigator.doNotTrack === '1'
}

/**
 * The signals that are on and not yet part of the choice with these bits, though they take something from it that is not
 * to come back when they are gone: GPC everywhere, DNT where it stands over choices as GPC does.
 */
export function unlatched(bits: number, rules: Rules): number {
  const on = (gpc() ? SeenGPC : 0) | (dnt() ? SeenDNT & rules : 0)
  return bits & Advertising ? on & ~bits : 0
}
