/** What a visitor answered. The twin of choice.go, which draws the text and says why each rule is there. */
export type Choice = {
  /** Categories in the low four bits; then SeenGPC, SeenDNT, Unsent, OptOut and Partial. */
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
export const Partial = 0x100

/** What a refusal has none of. */
const permitted = 0xe

const form = /^1\.(1?[\da-f][13579bdf])\.(0|[1-9]\d{0,4})\.([\da-f]{8})(\.[\da-f]{32}\.[\w-]{21}[AQgw])?$/

/** Reads the text of a choice; undefined when it is anything that formatChoice would not write. */
export function parseChoice(text: string): Choice | undefined {
  const [, digits = '', day = 0, _notice, _proof = ''] = form.exec(text) ?? []
  const _bits = parseInt(digits, 16)
  // Refusals and opt-outs carry no proof: it would single the visitor out. Of a refusal there are no parts.
  if (!_notice || (_bits & permitted ? _proof && _bits & OptOut : _proof || _bits & Partial)) return undefined
  return { _bits, _day: +day, _notice, _proof }
}

/**
 * Reads the text of a choice as a decision needs it: one that is there but cannot be read grants nothing. Undefined only
 * for "".
 */
export function readChoice(text: string): Choice | undefined {
  return parseChoice(text) ?? (text ? { _bits: 1, _day: -1, _notice: '', _proof: '' } : undefined)
}

/** Writes the text of a choice. */
export function formatChoice({ _bits, _day, _notice, _proof }: Choice): string {
  const bits = _bits & permitted ? _bits : _bits & ~Partial
  return `1.${bits < 16 ? 0 : ''}${bits.toString(16)}.${_day}.${_notice}${_proof}`
}
