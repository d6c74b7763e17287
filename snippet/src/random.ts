/** Random bytes as hex digits. */
export function randomHex(bytes: number): string {
  let hex = ''
  for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) hex += (byte + 0x100).toString(16).slice(1)
  return hex
}

/** A UUID of version 7: 48 bits of time in ms since the Unix epoch, then 72 random bits. */
export function uuidv7(now: number): string {
  const time = now.toString(16).padStart(12, '0')
  const random = randomHex(9)
  const digits = `${time}7${random.slice(15)}8${random.slice(0, 15)}`
  return digits.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
