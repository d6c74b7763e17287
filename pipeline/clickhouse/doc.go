// Package clickhouse opens the store and moves rows in and out of it: a ClickHouse server named by a DSN, or the
// ClickHouse engine embedded in this process.
//
// Both are reached through clickhouse-go, by the same statements. For the embedded engine its HTTP requests go to
// [Store.Transport], which hands them to libchdb, a shared library that is loaded without cgo:
//
//	Store → clickhouse-go → transport (an http.RoundTripper) → engine (a pool of connections) → library (libchdb)
//
// # What an insert promises
//
// [Store.Insert] writes rows of one partition as one block, hence one part: either all of them are there or none, in
// the table and in its projections. The part is fsynced before Insert returns. A block with the token of one that is
// there already is dropped, so an insert whose outcome is unknown may be repeated.
//
// What went wrong is one of three kinds: [ErrRefused], the data is at fault and a repeat is refused too; [ErrBusy], the
// store has no room now and nothing was stored; anything else, an unknown outcome, after which rows are read back.
//
// # A cluster
//
// With [Config].Cluster the same migrations make replicated tables on every server, and events and dead_letters are
// spread over the shards by a hash of the event's id. An insert is synchronous, waits for a quorum and goes to one shard
// when its rows are one of [Store.Blocks]: then it is all or none there as well. Before the loader reads what it decides
// by, every server that is up has caught up. Servers need the macros {shard} and {replica}, and internal_replication in
// remote_servers; [Store.Check] says what is missing. A shard that joins later is used once the loaders are started anew.
//
// # The engine as a server
//
// [Store.Serve] lets other processes use the embedded engine by DSN. What they do then is what they do with a server.
//
// # One process, one data folder
//
// libchdb keeps one data folder per process. Stores on the same folder share the engine, which stops when the last of
// them is closed; another folder is refused with [ErrOtherFolder]. A folder that another process has open is refused
// with [ErrInUse].
package clickhouse
