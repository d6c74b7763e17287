// Package collector is the HTTP edge: it bounds, decodes, decides, enriches, hands over and answers.
//
// A batch travels through the files of this package in this order:
//
//	conn.go      whether there is room for a connection and its bytes; package guard: whether a head can be read in one way
//	watch.go     what comes on a connection at rest, read from the socket itself
//	lane.go      the short way of a batch that comes whole, past fasthttp; all else is fasthttp's
//	recall.go    what a connection need not be told twice
//	route.go     which site and what for, from the request line and headers alone, before the body is read
//	shed.go      whether there is too much, and what then goes first
//	batch.go     the body expanded, the sender's quota asked (package limit), and the way through what follows
//	decode.go    the body's JSON into schemas.Batch, each bad event told apart from the good ones
//	client.go    who asks: address and user agent become a place and a device, and end there
//	decide.go    what this visitor allowed: signals, choice and place through consent.Resolve
//	testimony.go the consent event, if there is one: what it is about, and the record that is made of it
//	stock.go     what the page reports of itself, to be counted
//	envelope.go  what is kept of each event, by that decision
//	answer.go    the logs have fsynced, records before events: 202; they could not: 503
//
// README.md is the reference of the HTTP interface. What the package promises:
//
//   - A 202 means that the consent record and the accepted events are durable, as far as Log keeps its own promise.
//   - A grant counts with its seal, or with its consent record in the same batch, which is durable before any event is.
//   - What the visitor refused is never handed to Log.
//   - No address and no user agent is handed to Log, logged or kept.
//   - Every well-framed event is counted once as arrived, and once as accepted or rejected.
//
// # Ownership
//
// What lies in a request is borrowed, never copied, and there is one rule for it: a visit (batch.go) and all that it
// refers to belong to the goroutine that handles the request, until release. The decoder's texts are pieces of the body,
// which lies in a buffer of fasthttp's that is used again after the handler; the envelopes' texts are pieces of those. So
// nothing of a visit may be kept by whoever it is handed to: Log encodes before it waits, package enrich clones what it
// caches, and the answer is put together before release; while a lane's batch waits for the disk, only that and a handed
// (batch.go) are left of it. A panic leaves the visit to the garbage collector.
//
// The program's own server is New and Serve. A server of your own mounts Handler instead; see the example. Serve also
// refuses bad requests before it reads their bodies, which a handler alone cannot.
package collector
