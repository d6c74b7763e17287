// Package limit says which batches a site takes and which must wait, so that whoever floods it harms nobody else.
//
// A bucket holds events: it is refilled at a steady rate, and a batch is taken if its events are in it. Each site has
// one; within a site each client network (IPv4 /24, IPv6 /48) has one with a share of the site's rate. Two rules are all:
//
//   - A network takes at most a quarter of a site's rate (Config.NetworkShare), however little the others send.
//   - The last quarter of every bucket is for those within their fair share. A network is, up to 1/64 of the site's rate;
//     a client (one IPv4 address, one IPv6 /64) is, up to 1/16 of its network's. Who sends more may use the rest only,
//     and stays among those while it goes on sending although it is refused.
//
// So a flooding network stands still at three quarters of the site's bucket, and whatever the quiet ones send is taken
// before it gets the next event; and in an office behind one address range one machine that runs wild meets the same
// wall inside its network, while its neighbours go on. While a network is not busy, a client may use all of it: many
// people behind one address (carrier-grade NAT) are one client and lose nothing. Sites share no bucket at all.
//
// With the defaults:
//
//	             events/s   at once
//	site              500     5,000
//	network           125     1,250
//	fair share          7.8      78   of a network, and of a client
//
// What this cannot do: a flood from hundreds of networks, each of which waits when it is told to and stays within its fair
// share, looks like an audience. It ends at the site's rate, and there it takes turns with the visitors. And the first
// seconds of a flood from as many networks, before each has used up its fair share, are an audience's, too.
//
// # Memory
//
// A debt is one time, as in the generic cell rate algorithm: when the bucket is full again. Refused batches make no entry,
// so that the table holds at most the senders of what was taken in the last few seconds, and a flood of addresses cannot
// fill it. See table for what happens when it is full all the same. Addresses are kept as a hash under a key that
// is made at start and written nowhere.
package limit
