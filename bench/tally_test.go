package main

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
)

func TestTallyTellsWhatIsWrong(t *testing.T) {
	ids := []uuid.UUID{uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")}
	var acked, other tally
	acked.add(ids)
	other.add([]uuid.UUID{ids[0], uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8059")})
	same := stored{events: 2, different: 2, high: acked.high.Load(), low: acked.low.Load()}
	f := func(change func(*stored), want string) {
		t.Helper()
		s := same
		change(&s)
		got := ""
		if err := s.compare(&acked); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("compare(%+v) = %q, want %q", s, got, want)
		}
	}
	f(func(*stored) {}, "")
	f(func(s *stored) { s.dead = 1 }, "1 events are dead letters")
	f(func(s *stored) { s.different = 1 }, "1 events are stored more than once")
	f(func(s *stored) { s.events, s.different = 1, 1 }, "1 events are lost")
	f(func(s *stored) { s.events, s.different = 3, 3 }, "1 events are stored that were not acknowledged")
	f(func(s *stored) { s.low = other.low.Load() }, "other events are stored than were acknowledged")
}

func TestAccountMustAddUp(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		var a account
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := ""
		if err := a.check(5); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("check of %s = %q, want %q", text, got, want)
		}
	}
	f(`{"arrived":5,"rejected":{"total":0},"accepted":{"total":5,"stored":5}}`, "")
	f(`{"arrived":7,"rejected":{"total":2},"accepted":{"total":5,"stored":5}}`, "")
	f(`{"arrived":6,"rejected":{"total":0},"accepted":{"total":5,"stored":5}}`,
		"the ledger does not add up: arrived is not rejected and accepted")
	f(`{"arrived":5,"rejected":{"total":0},"accepted":{"total":5,"stored":4}}`,
		"the ledger does not add up: accepted is not the sum of its ends")
	f(`{"arrived":5,"rejected":{"total":0},"accepted":{"total":5,"stored":4,"dead_lettered":1}}`,
		"the ledger says 5 accepted and 4 stored, want 5")
}

func TestLine(t *testing.T) {
	f := func(values []float64, wantSlope, wantMiddle float64) {
		t.Helper()
		if slope, middle := line(values); slope != wantSlope || middle != wantMiddle {
			t.Errorf("line(%v) = %v, %v, want %v, %v", values, slope, middle, wantSlope, wantMiddle)
		}
	}
	f([]float64{7, 7, 7}, 0, 7)
	f([]float64{1, 3, 5, 7}, 2, 4)
	f([]float64{2, 4, 2, 5}, 0.75, 3)
	f([]float64{7, 7, 99, 7, 7, 90, 7}, 0, 7)
	f([]float64{1, 2, 3, 99, 5, 6, 7}, 1, 5)
}
