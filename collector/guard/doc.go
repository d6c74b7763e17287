// Package guard keeps what is ambiguous, forged or boundless away from the collector: request heads that two servers may
// read differently (Check, CheckParts, Conn), compressed bodies that grow without end (Expander), and addresses that a
// client wrote into a header itself (Proxies).
//
// # Request smuggling
//
// A proxy and the server behind it share a connection. When they disagree on where a request ends, a client can hide a
// second request in the body of the first, which the server then takes for that of the next visitor. All such tricks
// need a head that RFC 9112 forbids or leaves open: guard accepts only what can be read in one way, and every Fault names
// the rule. No browser and no proxy that is in use sends anything else.
//
// fasthttp reads heads kindly (bare line feeds, folded lines) and then goes on with the connection. There are two places
// to look before it does:
//
//   - Conn, around the connection that fasthttp is given, sees every byte of it: the request line as well, each request
//     of a pipeline, and the lengths of chunks. Read returns the *Fault instead of the end of a bad head, fasthttp hands
//     it to Server.ErrorHandler and closes the connection behind the answer.
//     Put its Listener outermost: what closes the connection gently beneath it reads past the fault, and Inner finds it.
//   - CheckParts, in Server.HeaderReceived or in the handler, for who has no listener of their own.
//     RequestHeader.RawHeaders is the header section as it was received, byte by byte, with its empty line. What it does
//     not show is how the request line ended, and the trailer of a chunked body: so answer a chunked request with
//     SetConnectionClose.
//
// # Compressed bodies
//
// A body of 64 KiB can expand to 64 MiB. Expander stops at a limit of expanded bytes, holds as many decoders as there are
// processors, and refuses windows that a body of this size has no use for, so that a flood of bombs costs time only. It
// takes one encoding: two, one over the other, are how bombs get past the first bound.
//
// # Who asks
//
// Proxies.XForwardedFor and Proxies.Forwarded read the client's address from the right, which the proxies wrote, and stop
// where the client's own words begin.
package guard
