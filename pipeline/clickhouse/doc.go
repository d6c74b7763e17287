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
// # One process, one data folder
//
// libchdb keeps one data folder per process. Stores on the same folder share the engine, which stops when the last of
// them is closed; another folder is refused with [ErrOtherFolder]. A folder that another process has open is refused
// with [ErrInUse].
package clickhouse
