// Heed serves a site's own analytics and consent: it builds the script that a page embeds, receives what the visitor
// allowed, keeps it in ClickHouse and answers questions about it, all in one process.
//
//	heed serve --demo            start everything, with an invented company to click through
//	heed stats --site demo       what its visitors did
//	heed ledger                  what became of every event
//	heed config                  every setting, its value and where that came from
//
// Settings come from one table (settings.go), in rising precedence: default, heed.yaml, environment, flag. CONFIG.md
// is made from the same table.
package main

//go:generate go test -run ^TestConfigReference$ -update .
