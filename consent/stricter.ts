import type { Rules } from './rules.ts'

/** What holds where it is not known which of two rules applies: column by column the stricter. The twin of matrix.go's. */
export function stricter(a: Rules, b: Rules): Rules {
  const least = a & b & 0xfcf // defaults, a parent's word, the anonymous count, what DNT leaves standing
  const most = (a | b) & 0x4030 // signals over choices; that rows were merged
  return least | most | Math.max(a & 0x3000, b & 0x3000) | (Math.min(a >> 16, b >> 16) << 16)
}
