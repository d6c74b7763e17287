// Package wal is the durable local log: what stands between an accepted event and the rest of the pipeline.
//
// It promises, in this order:
//
//  1. Append returns only after the event has been fsynced. What was acknowledged is read back once, also after a
//     SIGKILL or a power cut.
//  2. A position names one event for ever. It is never given to another one, so it can serve as an identity in
//     ClickHouse.
//  3. A bad day is an error, not an end: a full disk, a failed write and a failed fsync refuse the events of that
//     moment, and the log takes events again as soon as the disk does.
//  4. Nothing is deleted on doubt. A damaged segment is kept under another name, counted and logged.
//
// Writing is group commit: all events that arrive while the disk is busy share the next record and the next fsync.
// A lone event waits for exactly one fsync and for no timer. Under load groups gather a moment longer (see commit.go).
//
// Segments, pages and records are those of prometheus/tsdb/wlog, which also writes them. Reading is our own (see
// frame.go, which says why). FORMAT.md draws the folder.
//
// What it does not do: it keeps one copy on one machine, it does not compress, and it does not notice when its folder
// is put back from an older backup. Whoever does that removes log.json together with the segments.
package wal
