package collector_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"heed/collector"
	"heed/consent"
	"heed/schemas"
)

// stock is an inventory that remembers what it was given.
type stock struct {
	mu    sync.Mutex
	lines []string
}

func (s *stock) Add(site string, held []schemas.Held, names []schemas.Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%s %v %v", site, held, names))
}

func (s *stock) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.lines, "; ")
	s.lines = nil
	return all
}

// TestHeldNeedsNoChoice: what was held back is counted without a choice, stores no event and costs the ledger nothing.
func TestHeldNeedsNoChoice(t *testing.T) {
	s := &stock{}
	e := start(t, collector.Config{Inventory: s})
	b := batch()
	b.Choice, b.Held = "", []schemas.Held{{Host: "tag.example", Kind: schemas.HeldScript}, {Host: "self", Kind: schemas.HeldImage}}
	if a := e.post(encode(t, b)).result(t); a.Accepted != 0 || len(a.Rejected) != 0 {
		t.Errorf("answer = %+v, want nothing of events", a)
	}
	if got, want := s.take(), "shop [{tag.example script} {self img}] []"; got != want {
		t.Errorf("counted %q, want %q", got, want)
	}
	if arrived := e.metric(`heed_collector_events_arrived_total{site="shop"}`); arrived != "0" {
		t.Errorf("arrived = %s, want 0", arrived)
	}
	if events := e.stored(); len(events) != 0 {
		t.Errorf("stored %v, want nothing", events)
	}
}

// TestNamesNeedAGrant: names are dropped unless performance is granted here, whatever the page says.
func TestNamesNeedAGrant(t *testing.T) {
	s := &stock{}
	e := start(t, collector.Config{Inventory: s, TrustedProxies: loopback})
	f := func(choice, want string, headers ...string) {
		t.Helper()
		b := batch()
		b.Choice, b.Names = choice, []schemas.Name{{Name: "_ga", Place: schemas.PlaceCookie, Days: 395}}
		if a := e.post(encode(t, b), append(headers, "X-Forwarded-For", zurichIP)...); a.status != http.StatusAccepted {
			t.Fatalf("status = %d %s", a.status, a.body)
		}
		if got := s.take(); got != want {
			t.Errorf("with choice %q counted %q, want %q", choice, got, want)
		}
	}
	const all = "shop [] [{_ga cookie 395 false}]"
	f(sealed(consent.Performance), all)
	f("", "")
	f(grant(consent.Performance).String(), "") // unsealed, without its record
	f(sealed(consent.Functional), "")
	f(sealed(consent.All), all, "Sec-GPC", "1") // a later grant stands here
}
