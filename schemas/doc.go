// Package schemas is the contract between all parts of Heed: what an event is on the wire and at rest, which errors
// there are, and which tables ClickHouse has. It imports nothing of ours.
package schemas
