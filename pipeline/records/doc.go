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
// Whenever a step fails, everything is forgotten and the attempt begins again; so does the next process after a kill. A
// chain is remembered for the next batch only if nothing failed in this one: rows of an earlier attempt can arrive between
// 3 and 4, where the look-up sees them and the chain does not.
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
// sent of P may still arrive at the store, however late. But every row carries s, and the table refuses a row whose s is
// over a minute old by the store's own clock, so that no Loader's clock matters. B owns the partition only after A's last
// plan was written, hence after every s of A.
//
// So B, who finds P begun by another and rows of it missing, waits for a minute and ten seconds, as nothing of A can arrive
// after that, and makes the attempt anew. Where no row is missing B adds nothing, and what A still has under way is a repeat
// under the token of what is stored. A Loader's own repeats meet the token of the first likewise: it looked up after s, so
// what it sends is stored by then, or its token is younger than a minute. A token is remembered for 10,000 inserts: that
// would have to be less than a minute's. The ten seconds are for servers of one cluster whose clocks differ.
//
// A killed server can remember a token without its part (seen in 2 of 370 kills). A Loader that does not know how its insert
// ended looks whether the rows are there; where they are not after a success, it goes on under a further token, once nothing
// can arrive any more that was sent under the first: a process that has its log for itself at once, others after the same
// minute and ten seconds.
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
// Rows are removed whose choices ended before the proof period, up to the largest root that covers none but such and whose
// day is 400 days older than that period: no choice lasts longer, so whoever has no more than the root can tell. It is
// marked first, and readers begin behind it, whether or not the rows are gone yet. An early removal cannot hide behind a
// mark: an Auditor refuses one on a root whose own, signed, day is younger. Nor behind a root that was made for it, with
// store and key: an Auditor refuses a mark that leaves a younger root from elsewhere without its rows. Logs are shorter than
// any proof period; a record that was replayed from one after it had expired would be chained anew.
//
// A clock that is years ahead must not remove what has to be kept, since nothing brings it back. So rows go only while the
// clock is believed (Notary.believed): the newest record that was stored a day before the process began is at most a month
// old, or the clock has gone evenly beside the monotonic one for a day. Meanwhile roots are signed and sent as ever.
package records
