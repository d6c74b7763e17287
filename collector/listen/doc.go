// Package listen turns addresses from a configuration into listeners: TCP, unix sockets, sockets that systemd has opened,
// several sockets on one port, with TLS and the PROXY protocol on top where they are wanted.
//
//	lns, err := listen.Open(ctx, listen.Config{
//		Addresses: []string{"127.0.0.1:8080", "unix:/run/heed/collect.sock", "systemd:collect"},
//	}, logger)
//
// No goroutine is started: certificates are looked at again when a client connects, and a PROXY header is read by whoever
// reads from, or asks the address of, the connection first. So call RemoteAddr and Handshake in the connection's own
// goroutine, never in the loop that accepts.
package listen
