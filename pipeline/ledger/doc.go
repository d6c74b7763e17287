// Package ledger says for every site what became of each event that arrived:
//
//	arrived  = rejected, by code        + accepted
//	accepted = stored + duplicate + withdrawn + dead-lettered + pending
//
// Nothing here is counted where it happens and believed. What was accepted is counted from what is durable: the
// loader's counts, which are on disk together with its plan, and the log's own records from there on. So it is right
// after a crash, whatever was answered before it. Rejected events leave nothing durable behind; the collector counts
// them, and this package writes the counts down once a second (file.go): a crash loses the last second's.
//
// In a cluster each collector has an Edge, which counts its own log's records and publishes them with its rejections, and
// Totals adds up what all collectors and all loaders have written down.
//
// Rejected is only what is known not to be durable: whoever counts an event as rejected while its outcome is unknown
// counts it twice when it becomes durable after all.
//
// What was stored and then erased, since its visitor had withdrawn, moves from stored to withdrawn: the store has the
// position of each such row (pipeline/erase).
//
// An event arrives when it is well-framed and its site is known; a refused body counts once.
package ledger
