// Heed serves a site's own analytics and consent: it builds the script that a page embeds, receives what the visitor
// allowed, keeps it in ClickHouse and answers questions about it, all in one process or, around Kafka and a ClickHouse
// cluster, as many.
//
//	heed serve --demo            start everything, with an invented company to click through
//	heed collect, load, report   the same as processes of their own: edge, loaders, answers
//	heed stats --site demo       what its visitors did
//	heed ledger                  what became of every event
//	heed deadletter list         what could not be stored, and why; show, replay and drop deal with it
//	heed replay                  load from Kafka what ClickHouse lacks
//	heed config                  every setting, its value and where that came from
//
// A role is a list of steps (host.go); each step opens one part and leaves behind how it ends. serve.go, collect.go, load.go
// and report.go hold such lists and wire the parts to each other.
//
// Settings come from one table (settings.go), in rising precedence: default, heed.yaml, environment, flag. CONFIG.md
// is made from the same table.
package main

//go:generate go test -run ^TestConfigReference$ -update .
