package ledger

import (
	"time"

	"heed/schemas"
)

// Account is the ledger of one site. Its sums are right by construction; what they claim is that nothing else arrived.
type Account struct {
	Site     string    `json:"site"`
	Since    time.Time `json:"since,omitzero"` // when counting began, UTC; a cluster does not know
	Arrived  uint64    `json:"arrived"`
	Rejected Rejected  `json:"rejected"`
	Accepted Accepted  `json:"accepted"`
}

// Rejected events were refused in the answer to the one who sent them.
type Rejected struct {
	Total uint64                  `json:"total"`
	Codes map[schemas.Code]uint64 `json:"codes"` // those that occurred; never nil
}

// Accepted events are durable, by how they ended.
type Accepted struct {
	Total     uint64 `json:"total"`
	Stored    uint64 `json:"stored"`        // in ClickHouse
	Duplicate uint64 `json:"duplicate"`     // sent again; another copy is stored
	Withdrawn uint64 `json:"withdrawn"`     // the visitor ended the consent record that they carry: not stored, or stored and erased
	Dead      uint64 `json:"dead_lettered"` // could not be stored; in dead_letters with the reason
	Pending   uint64 `json:"pending"`       // in the log, on their way
}

// sum fills in the totals.
func (a Account) sum() Account {
	a.Rejected.Total = 0
	for _, n := range a.Rejected.Codes {
		a.Rejected.Total += n
	}
	c := &a.Accepted
	c.Total = c.Stored + c.Duplicate + c.Withdrawn + c.Dead + c.Pending
	a.Arrived = a.Rejected.Total + c.Total
	return a
}
