import type { Notice } from '../choice/drawing.ts'

/** What a notice says of something, "" where it says nothing. */
export type Words = (id: string) => string

/** Reads a notice's texts. */
export const wordsOf =
  ({ look }: Notice): Words =>
  (id) =>
    look.texts.find((text) => text.id === id)?.text ?? ''

/** Which way the words of a locale run. */
export const directionOf = (locale: string): string => (/^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/.test(locale) ? 'rtl' : 'ltr')
