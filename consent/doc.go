//go:generate go run ./generate

// Package consent decides what a visitor has allowed. It is pure: no clock, no network, no storage; the same input gives
// the same decision for ever, so that a stored event can be explained years later.
//
// The browser decides with resolve.ts and choice.ts, the collector decides again with this package, and the stricter of
// the two holds. vectors.json binds both: each side runs every vector of it.
package consent
