// Package enrich turns what a request reveals into what it means: a place, a browser family, a bot verdict, a page
// without its query. Each step takes a value and returns one, and none of them needs another's result.
//
// The IP address and the user agent end here. They go in as arguments, and no type that comes out can hold them. The
// only exported type that carries a user agent in, [Headers], redacts itself when it is logged. What headers meant is
// remembered by a keyed hash, without them.
//
// [Bot] joins the evidence; README.md says what each of its reasons means, in their order, and whom it may wrong.
//
// Geo data is read from MaxMind DB files. Those from npm that Heed uses by default are DB-IP's IP to City Lite (CC BY
// 4.0, https://db-ip.com) and ip-location-db's ASN list (CC BY 4.0, made from Route Views, NRO and DB-IP data). Both
// ask to be credited wherever results made from them are shown.
package enrich
