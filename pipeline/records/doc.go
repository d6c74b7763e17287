// Package records brings consent records to rest: chained, once each, in the order of their log, with a signed root a day
// that leaves the machine. What a record, a chain and a root are is consent/record's; here is what reads, writes and waits.
//
//	log ─ Loader ─► consent_records        Notary ─► consent_roots ─► the owner
//	sites' notices ─► consent_notices      Auditor ─► the first thing that is not what it was
//
// # One row per consent event
//
// The rule is that of pipeline/load, plan, then insert, made simpler by the chain: a row's place is decided by what is
// stored, so a Loader asks the store and never believes itself. An attempt to bring the planned batch P to rest is
//
//  1. ask the store's clock: s
//  2. write P: this proves that the log is still this Loader's, by a file of this process or by an offset commit
//     under its generation
//  3. open the chains of P's sites: the last signed root and the rows behind it
//  4. look the records' ids up, and chain those that are not stored behind the last row
//  5. bury what can never be a row; insert all new rows of all sites as one block, stamped s, under a token made of P
//  6. tell the store what was withdrawn
//
// Whenever a step fails, everything is forgotten and the attempt begins again; so does the next process after a kill.
// The log is trimmed only before P, hence behind rows and withdrawals that are stored.
//
// The block of P is the same in every attempt, whoever makes it. The table has no partitions, so a block is one part: all
// of its rows are stored or none. Where they are, the look-up (4) finds each of P's records and nothing is inserted. Where
// they are not, the chain ends where P began, since nothing else writes to these chains while P is not at rest: a site's
// records are all in one log, or one partition, and the plan before P was at rest before P was written. The same records
// behind the same row give the same bytes. A replay from the beginning finds every id and adds nothing.
//
// # A Loader that stands still and wakes after its successor
//
// A stood still, B was given the partition, A wakes. A's next plan is refused (load.ErrFenced) and it stops; what A has
// sent of P may still arrive at the store, however late. B owns the partition only after A's last plan was written, so
// after some s of A. For an insert of A that arrives late one of these holds:
//
//   - It was there before B looked up (4). B adds nothing.
//   - It arrives after B has inserted P's block: the token is the same, and the later one is dropped.
//   - It arrives between B's look-up and B's insert: B's is dropped, and so that B knows it, B, who did not begin P
//     itself, looks up again after each insert and goes on from what is stored.
//   - It arrives over a minute after s, by the store's own clock: the table refuses it.
//
// A token is remembered for 10,000 inserts. All that can meet happens within that minute: A has looked up after s, so what
// A sends is either stored by then, or its token is younger than s. What could upset this is a store that takes over 160
// such inserts a second, or servers of one cluster whose clocks differ by minutes. Clocks of Loaders do not matter.
//
// A killed server can remember a token without its part (seen in 2 of 370 kills). Then a Loader that looks up after its
// insert finds nothing, and goes on under a further token, once nothing can arrive any more that was sent under the first:
// with one process at once, with several after a minute and ten seconds.
//
// # Roots
//
// The Notary reads nothing but the store, so it needs none of this: rows that can be read are at rest, and whoever makes
// the root of the same rows makes the same root. At the first tick of a UTC day it follows each chain that has grown from
// the last root to its end, which checks it, signs what it found under the day that is over, stores it and sends it. A root
// holds what had come to rest by then; a record that was loaded a second after midnight is in the next. A root that could
// not be sent stays, is tried again and again, and is told. A time stamp by a third party (RFC 3161) is not made: whoever
// takes the roots can have them stamped.
//
// # Expiry
//
// Rows are removed whose choices ended before the proof period, up to the largest root that covers none but such. That
// root is marked first, and readers begin behind it, whether or not the rows are gone yet. An early removal cannot hide
// behind a mark: an Auditor refuses one on a root whose own, signed, day is younger than the proof period. Logs are shorter
// than any proof period; a record that was replayed from one after it had expired would be chained anew.
package records
