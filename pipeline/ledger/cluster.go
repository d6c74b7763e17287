package ledger

import (
	"maps"
	"slices"
	"time"

	"heed/pipeline/load"
	"heed/schemas"
)

// Totals are what all collectors and all loaders of a cluster have counted.
type Totals struct {
	// Edges has the rejected events by code, and those accepted under CodeAccepted.
	Edges Counts
	// Ends has how accepted events ended. Its Duplicates hold what Kafka was given twice as well.
	Ends map[string]load.Ends
	// Erased has what was taken out of the store again.
	Erased Erased
	// Since is when counting began.
	Since time.Time
}

// Accounts adds up the accounts of a cluster, in the order of the sites' ids: those given, and all that have counts.
//
// What is stored, withdrawn and dead is exact. What was accepted is so within the seconds that a collector takes to
// publish it; where loaders are ahead of that, theirs counts. A duplicate is an accepted event that is neither: an
// event that a collector has sent to Kafka twice was accepted once and is none, although loaders count it. So, while
// events are on their way, some of those may hide as many pending ones; once nothing is, the sums are exact.
func (t Totals) Accounts(sites []string) []Account {
	all := map[string]bool{}
	for _, site := range sites {
		all[site] = true
	}
	for site := range t.Edges {
		all[site] = true
	}
	for site := range t.Ends {
		all[site] = true
	}
	var accounts []Account
	for _, site := range slices.Sorted(maps.Keys(all)) {
		accounts = append(accounts, t.account(site))
	}
	return accounts
}

func (t Totals) account(site string) Account {
	ends := t.Erased.settle(site, t.Ends[site])
	account := Account{Site: site, Since: t.Since.UTC().Truncate(time.Millisecond), Rejected: Rejected{Codes: map[schemas.Code]uint64{}}}
	for code, n := range t.Edges[site] {
		if code != CodeAccepted {
			account.Rejected.Codes[code] = n
		}
	}
	certain := ends.Stored + ends.Withdrawn + ends.Dead
	left := max(t.Edges[site][CodeAccepted], certain) - certain
	duplicates := min(ends.Duplicates, left)
	account.Accepted = Accepted{Stored: ends.Stored, Withdrawn: ends.Withdrawn, Dead: ends.Dead, Duplicate: duplicates, Pending: left - duplicates}
	return account.sum()
}
