// Package record makes consent provable: what a record of a consent event holds, how the records of a site are chained,
// what is signed once a day, how a notice is archived and what a visitor's receipt says. It is pure: no clock, no
// network, no storage, no keys of its own.
//
//	Record ─ canonical bytes ─► Row (hash over index, the row before and the record)
//	Row.Hash ─ leaf ─► Tree (RFC 6962) ─ once a day ─► Checkpoint ─ Ed25519 ─► a signed note that leaves the machine
//	Record.Notice ─ shown_hash ─► archived Notice
//	Record + Notice ─► Receipt
//
// # What it proves, and what not
//
// Until a checkpoint has left the machine, Audit.Verify proves consistency, not history: whoever can write the store and
// has the signing key can make all rows, all hashes and all roots anew, and nothing here would tell. Once a checkpoint
// is in other hands (the owner's mailbox, a time stamp's), no row before it can be changed, added, dropped or moved
// without Verify naming it, unless it is said to have expired: Verify believes Audit.From, and what has fewer rows than that
// is held against nothing. Whoever calls it has to ask of From, and of each such checkpoint, whether its day is old enough
// (pipeline/records does). Rows behind the last such checkpoint have no such witness yet: that the newest rows were cut
// off shows only against a checkpoint that covers them.
//
// Nothing here proves that the visitor was a person, or that a browser told the truth; it proves what reached us, when,
// what was on the screen by our own archive, and that none of it has changed since.
//
// # Order, doubles and replay
//
// A chain's order is the order in which the site's log hands over the records, never their times, so that the same
// records in the same order give the same chain, byte for byte, however often the loader was killed on the way. A record
// that arrives again is no second row, also where a browser has sent the same consent event twice and the collector found
// another time or place. One that says something else under a known id is refused (ErrConflict): the first stays. A withdrawal that arrives before the grant it ends is chained where it arrived: the link is by id
// (Record.Ends), whoever reads it must look at both sides, and a grant that is already ended grants nothing.
package record
