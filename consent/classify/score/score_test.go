package score_test

import (
	"bytes"
	"fmt"
	"testing"

	"heed/consent"
	"heed/consent/classify/score"
)

func TestMatrix(t *testing.T) {
	hand := score.Matrix{{2, 0, 0, 0}, {0, 1, 0, 1}, {1, 0, 1, 0}, {0, 1, 0, 3}}
	// 2·2/(3+2), 2·1/(2+2), 2·1/(1+2), 2·3/(4+4)
	if want, got := (0.8+0.5+2.0/3+0.75)/4, hand.MacroF1(); got < want-1e-9 || got > want+1e-9 {
		t.Errorf("MacroF1 = %v, want %v", got, want)
	}
	var m score.Matrix
	f := func(want string) {
		t.Helper()
		unsafe, of := m.Unsafe()
		if got := fmt.Sprintf("%d %.3f %.3f %d/%d", m.Total(), m.Accuracy(), m.MacroF1(), unsafe, of); got != want {
			t.Errorf("%v scores %s, want %s", m, got, want)
		}
	}
	f("0 0.000 0.000 0/0")
	m.Count(consent.Essential, consent.Essential)
	m.Count(consent.Functional, consent.Functional)
	m.Count(consent.Performance, consent.Performance)
	m.Count(consent.Advertising, consent.Advertising)
	f("4 1.000 1.000 0/2")
	m.Count(consent.Essential, consent.Advertising) // strict: a nuisance
	f("5 0.800 0.833 0/2")
	m.Count(consent.Advertising, consent.Essential) // breaks the visitor's word
	f("6 0.667 0.750 1/3")
	var sum score.Matrix
	sum.Add(m)
	sum.Add(m)
	if blind := sum.AllAdvertising(); sum.Total() != 12 || blind.Total() != 12 || blind[0][3] != 4 {
		t.Errorf("twice %v is %v, and blind %v", m, sum, blind)
	}
	var out bytes.Buffer
	m.Print(&out, "six")
	if want := "  six                               6     66.7%     0.750         1 = 16.67%         1 = 33.33%\n"; out.String() != want {
		t.Errorf("Print = %q, want %q", out.String(), want)
	}
}
