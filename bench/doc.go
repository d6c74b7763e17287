// Command bench measures whole systems side by side in one run and prints ratios, since machines differ.
//
//	make bench                                    # everything, recorded in RESULTS.md
//	bin/bench -quick                              # one round of a second each, to see that it works
//	bin/bench -profile heed -events 10 -out /tmp  # one system alone, with its profiles
//	bin/bench -soak 10m                           # the whole program near its limit, as make soak
//
// README.md in this folder says what is measured and how.
package main
