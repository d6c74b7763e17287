package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

// account is the program's own answer to what became of the events.
type account struct {
	Arrived  uint64
	Rejected struct{ Total uint64 }
	Accepted struct {
		Total, Stored, Duplicate, Withdrawn, Pending uint64
		Dead                                         uint64 `json:"dead_lettered"`
	}
}

// checkLedger asks for the site's ledger when everything is at rest, and holds it against what was acknowledged.
func (s *soaking) checkLedger() error {
	text, err := get(s.whole.api + "/api/v1/sites/" + siteKey + "/ledger")
	if errors.Is(err, errNotFound) {
		fmt.Fprintln(s.out, "\n- this program answers no ledger")
		return nil
	}
	if err != nil {
		return err
	}
	var a account
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	fmt.Fprintf(s.out, "\n- ledger: %d arrived, %d rejected, %d accepted, of them %d stored, %d duplicate, %d pending\n",
		a.Arrived, a.Rejected.Total, a.Accepted.Total, a.Accepted.Stored, a.Accepted.Duplicate, a.Accepted.Pending)
	return a.check(s.acked.events.Load())
}

// check says whether the ledger tells that all acknowledged events are stored, and nothing else came.
func (a account) check(acked uint64) error {
	c := a.Accepted
	switch {
	case a.Arrived != a.Rejected.Total+c.Total:
		return errors.New("the ledger does not add up: arrived is not rejected and accepted")
	case c.Total != c.Stored+c.Duplicate+c.Withdrawn+c.Dead+c.Pending:
		return errors.New("the ledger does not add up: accepted is not the sum of its ends")
	case c.Stored != acked || c.Stored+c.Duplicate != c.Total: // a request that was refused may have been stored
		return fmt.Errorf("the ledger says %d accepted and %d stored, want %d", c.Total, c.Stored, acked)
	}
	return nil
}
