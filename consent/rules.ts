/**
 * A place's row and the site's assertions in one number, which Go's BrowserRules makes:
 *
 *     bits 0–3   categories granted before a choice
 *     bit 4, 5   GPC, DNT override every choice, and stay when they are gone; at the places of SeenGPC and SeenDNT
 *     bit 6      a verified parent's consent lets a minor's yes count
 *     bit 7      page views may be counted without a choice; never beside a default that measures
 *     bits 8–11  what DNT leaves standing
 *     bits 12–13 the prompt: 0 none, 1 notice, 2 opt-out, 3 opt-in
 *     bit 14     the strictest of several rows
 *     bits 16–25 for how many days a choice counts
 */
export type Rules = number

export const ParentAllows = 0x40
export const CountAllowed = 0x80
export const dntShift = 8
export const promptShift = 12
export const Merged = 0x4000
export const daysShift = 16
