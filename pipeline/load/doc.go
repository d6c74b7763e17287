// Package load moves events from a durable log into ClickHouse, each exactly once. The log is that of this process, or a
// partition of Kafka; a [Loader] has one of them.
//
// The rule is plan, then insert. Before a batch is inserted its positions are written down (plan.go): in a file, or in
// the metadata of an offset commit. After a crash, a rebalance or an insert of unknown outcome the planned batch is
// settled: its rows are read back by their position, and only what is missing is inserted (insert.go). No high-water
// mark decides what is skipped.
//
// How events ended is counted with the batch, by site (ends.go), so that each counts exactly once. What cannot be a row
// becomes a dead letter (dead.go); [DeadLetters] deals with those later, and [Replay] loads a range of a log again.
//
// The same event sent twice by a client stands at two positions. Recently loaded ids are compared in memory, others
// in ClickHouse (doubles.go); the later copy is dropped and counted. With Kafka both stand in one partition, since the
// key is the event's id. After a change of the topic's generation, before which the old topic is drained, memory is
// rebuilt with the ids of all other origins and the rest is looked up.
//
// # One batch ahead
//
// While batch N comes to rest, a goroutine reads the next one, drops its doubles and makes its columns (ahead.go). There
// is never more than one ahead, and it changes nothing of what is durable when:
//
//   - Preparing touches memory only. Nothing of N+1 is written before N is at rest, and then its plan comes first. When
//     the loader is fenced, ends or dies, what is ahead goes with its memory; the log still has it.
//   - N+1 is compared as if N were at rest. N's ids are in memory since N was prepared, whatever ClickHouse has of them,
//     and memory forgets only at the beginning of a batch, and then nothing of the batch before (recentIDs). So the
//     decision is that of a successor, which finds N stored: it plans N+1 only behind N.
//   - That needs N to end as it was supposed to, and soon. When a row of N was refused, a step was repeated, an outcome was
//     unknown, or ten seconds have passed, N+1 is decided and made anew, with N at rest and the ids of N's refused rows
//     forgotten (confirm). Nothing is ahead meanwhile.
//   - What has to be true when rows are sent is not made ahead: the time of load, with its proof of ownership (stamp), and
//     which consent records were ended (screen). Rows that the latter takes out or changes cost the block its columns.
//
// # A loader that stands still and wakes after its successor
//
// Loader A may stop at any moment: SIGSTOP, a suspended machine, a network that holds back what it has sent. The group
// gives its partition to B, which settles A's plan and goes on. Then A wakes. Nothing that A does may add a row.
//
// What A can still do is bounded by its plan P. Its next plan is refused (ErrFenced), since Kafka takes no commit of an
// older generation, and it stops. So only inserts of P matter. B has read P after the group had turned to it, hence
// after the last commit of A that can succeed, and has settled all of P before its own first plan.
//
// B's inserts of P have the names of A's. Which rows of P are no doubles follows from what is stored at other
// positions, which neither changes while P is unsettled; how they are parted into blocks follows from the rows; a block
// is sent under a token made of P and the block, and when ClickHouse refuses a row of it, in halves, quarters and so on,
// each with a token of its own (send). B does not send what it finds stored, and sends the rest in the same pieces under
// the same tokens (settle): a piece of which a part is stored must have been halved. So for an insert of A that arrives
// late, one of these holds:
//
//   - It was there before B read back. B sent nothing for it.
//   - It arrives after B has sent the same piece: its token is known, and it is dropped.
//   - It arrives between B's reading and B's sending: B's own is dropped, and B, which reads back again, is content.
//   - ClickHouse refuses it, as it refused the same piece of B.
//   - Its token was remembered without its part, after a kill of the server: then it is dropped, as B's own was. B sees
//     its rows missing after a success, waits until nothing of A can arrive any more (quiet), and goes on under a further
//     token, which its plan names first: whoever follows B goes on under that one, too.
//
// Where B sent nothing because the rows were stored, the token that stored them is A's own, or that of a B before: known
// too. Rows that B found to be doubles were doubles for A.
//
// A token is remembered for 10,000 inserts into a table, not for ever. So every row carries its time of load, the table
// refuses one that is more than a minute old when it arrives ([Store.RefuseStale]), and A stamps a row only if it has
// proved within the last ten seconds, by writing its plan again, that P is still its own, and has read back what is
// stored, if anybody has sent some of P before (stamp). Hence an insert of A arrives at most 70 seconds after A owned P
// and saw its rows missing: the token that it has to meet, A's own from before or B's, is younger than that. 10,000 are
// enough as long as a table, and in a cluster a shard, takes fewer than 140 inserts a second; beyond that the window has
// to grow with them. The minute is taken by the clocks of A and of ClickHouse; a clock of A that is ahead adds to it, one
// that is behind by a minute stops A with a clear error.
//
// # Withdrawals
//
// Before rows are sent a Loader asks which consent records visitors have ended, and does not send the rows of those
// (screen.go). The answer is at most ten seconds old when a row is stamped, so that the deletion routine (pipeline/erase),
// which acts minutes later, meets all rows that were sent before the answer.
//
// A and B may know of different withdrawals. So that their pieces remain the same, a withdrawn row stays in its block and
// is only left out when a piece is sent. Two things would still go wrong: A's piece may have been halved because of a row
// that B leaves out; and a row that B counts as withdrawn may arrive with a late insert of A, to be erased and counted
// once more. So B, where a withdrawn row is neither stored nor erased, waits until nothing of A can arrive any more, and
// looks again (look). That takes 70 seconds of a partition that was taken over in the middle of such a batch. A row that
// is stored, or was and is erased, counts as stored: who erases it counts it off again.
//
// B may be told to stop in turn while it reads P again. What it has not read it has not settled: P stays planned, and C
// settles it.
//
// Dead letters and counts may be written twice by A and B. Who reads them takes those of one position, and of one plan,
// for one.
package load
