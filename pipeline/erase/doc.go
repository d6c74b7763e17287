// Package erase is the deletion routine: it takes out of every place that holds copies what visitors have taken back.
//
// A visitor withdraws by a consent record that ends an earlier one. The loader of consent records writes that down in the
// table withdrawn ([clickhouse.Store.PutWithdrawn]). From then on the loaders of events drop what carries the ended
// record (pipeline/load). What they had stored before is this package's: a [Routine] runs in heed serve and in every heed
// load, and any number of them at once do no harm.
//
// # Everything that holds copies
//
//	events                  rows by mutation, on every server; where only advertising was taken, their click ids
//	projections of events   live in the parts of their rows and are written anew with them
//	replaced parts          the engine removes them after eight minutes; a withdrawal is not finished before
//	dead_letters            letters in whose bytes the record stands lose them; that one died, and when, stays
//	the log of a process    a segment leaves the disk ten minutes after its events are safe elsewhere (wal.Config.SegmentAge),
//	(heed serve, collect)   whoever has withdrawn; what becomes damaged is kept as *.quarantine until the operator removes it
//	Kafka                   events and dead letters: by the topic's retention and by nothing else. A replay, and a replay of
//	                        letters, ask for withdrawals and bring nothing back
//	consent_records         stay: they are the proof, and name no visitor
//	withdrawn, erased,      stay: record ids and positions, so that what was erased stays erased and counted
//	erasures
//	memory of a loader      ids of the last hour's events, no contents
//	exports, backups        are the owner's: Heed keeps no export, and knows of no backup. After one is put back, the
//	                        routine has to be told: TRUNCATE TABLE erasures makes it go through all withdrawals again
//
// # Why nothing is missed
//
// A withdrawal is acted upon once it was readable for [settled], five minutes. A row of its record that is inserted later
// than that cannot be: a loader asks for withdrawals at most ten seconds before it stamps a row (load/doc.go), so it
// stamped the row within ten seconds of the withdrawal; in a cluster the server that it asked lags by thirty seconds at
// most, or it refuses to answer; and the table refuses a row that is stamped over a minute ago. That is less than two
// minutes. The rest is for an insert that has passed the check and is not yet a part, and for clocks that differ. In
// heed serve nobody refuses, but there inserts are calls within the process, which return before the next begins.
//
// So the rows of the record are a fixed set by then, and one pass takes all of them.
//
// # Why each counts once
//
// Before rows are deleted their positions are written into erased. A position counts once, so a crash at any point, a
// repeat and a second Routine change no count. The ledger takes the positions off stored and adds them to withdrawn.
//
// A loader that settles a planned batch, of which an earlier one had stored a row that has been erased since, finds its
// position in erased and counts it as stored: the ledger moves it. A row that is in neither was never stored, and is
// counted as withdrawn by the loader itself.
//
// # What a pass does
//
//	Unerased → EraseRows, EraseClickIDs → dead letters → wait until no replaced part is on a disk → MarkErased
//
// Each step can be repeated. A withdrawal that is not marked is taken up by the next pass.
package erase
