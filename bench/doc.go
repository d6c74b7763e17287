// Command bench measures whole systems side by side in one run and prints ratios, since machines differ.
//
//	go run ./bench            # all systems, one event a request and batches of ten
//	go run ./bench -events 500000 -connections 64 -rounds 5
//
// Each system is a process of its own: a bare fasthttp handler that answers 204, the same handler that appends the body
// to a file with group-committed fsync first (the floor: what durability costs at least), and Heed's collector with its
// log, its decisions and its enrichment, the loader switched off. The load generator, one process with a fixed seed,
// sends the same requests to each, the systems taking turns; a figure is the median of the rounds.
package main
