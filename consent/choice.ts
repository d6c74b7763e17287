/** What a visitor answered. The twin of choice.go, which draws the text and says why each rule is there. */
export type Choice = {
  /** Categories in the low four bits; then SeenGPC, SeenDNT, Unsent and OptOut. */
  readonly _bits: number
  /** When it was made: days since the Unix epoch, UTC. */
  readonly _day: number
  /** Id of the notice it answers: 8 hex digits. */
  readonly _notice: string
  /** ".record.seal" as the collector gave it, or "". The browser cannot check it. */
  readonly _proof: string
}

export const SeenGPC = 0x10
export const SeenDNT = 0x20
export const Unsent = 0x40
export const OptOut = 0x80

const form = /^1\.([\da-f][13579bdf])\.(0|[1-9]\d{0,4})\.([\da-f]{8})(\.[\da-f]{32}\.[\w-]{21}[AQgw])?$/

/** Reads the text of a choice; undefined when it is anything that formatChoice would not write. */
export function parseChoice(text: string): Choice | undefined {
  const [, bits, day, notice, proof = ''] = form.exec(text) ?? []
  // A refusal, whose second digit is 1, and an opt-out, from 80 on, carry no proof: it would single the visitor out.
  if (!bits || !day || !notice || (proof && (bits > '8' || bits[1] === '1'))) return undefined
  return { _bits: parseInt(bits, 16), _day: +day, _notice: notice, _proof: proof }
}

/**
 * Reads the text of a choice as a decision needs it: one that is there but cannot be read grants nothing. Undefined only
 * for "".
 */
export function readChoice(text: string): Choice | undefined {
  return parseChoice(text) ?? (text ? { _bits: 1, _day: -1, _notice: '', _proof: '' } : undefined)
}

/** Writes the text of a choice. */
export function formatChoice(choice: Choice): string {
  const bits = (choice._bits + 0x100).toString(16).slice(1)
  return `1.${bits}.${choice._day}.${choice._notice}${choice._proof}`
}
