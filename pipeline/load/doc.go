// Package load moves events from the durable log into ClickHouse, each exactly once.
//
// The rule is plan, then insert. Before a batch is inserted its positions are written down and fsynced (plan.go).
// After a crash or an insert of unknown outcome the planned batch is settled: its rows are read back by their
// position in the log, and only what is missing is inserted (insert.go). No high-water mark decides what is skipped.
//
// The plan also carries how the events before it ended, by site (ends.go), so that each counts exactly once.
//
// The same event sent twice by a client stands at two positions. Recently loaded ids are compared in memory, others
// in ClickHouse (doubles.go); the later copy is dropped and counted.
package load
