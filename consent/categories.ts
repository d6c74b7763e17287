/** A set of purposes that a visitor can allow, as bits. The twin of categories.go. */
export type Categories = number

export const Essential = 1
export const Functional = 2
export const Performance = 4
export const Advertising = 8
export const All = 15
