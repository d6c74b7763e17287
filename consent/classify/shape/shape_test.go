package shape

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		if got := Words(name); !slices.Equal(got, want) {
			t.Errorf("Words(%q) = %q, want %q", name, got, want)
		}
	}
	f("")
	f("_")
	f("a1b")
	f("session", "session")
	f("sessionId", "session", "id")
	f("HTTPProxy_v2", "http", "proxy")
	f("PHPSESSID", "phpsessid")
	f("user-user.USER", "user")
	f("taboola global:user-id", "taboola", "global", "user", "id")
	f("über_uns", "ber", "uns") // letters are ASCII; what is not parts words
	f(strings.Repeat("ab_", 1000), "ab")
}

func FuzzWords(f *testing.F) {
	f.Add("HTTPProxy_v2")
	f.Fuzz(func(t *testing.T, name string) {
		words := Words(name)
		if len(words) > maxWords {
			t.Errorf("Words(%q) has %d words, want at most %d", name, len(words), maxWords)
		}
		for _, word := range words {
			if len(word) < 2 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
				t.Errorf("Words(%q) has %q, want two small letters or more", name, word)
			}
		}
	})
}

func fit(t *testing.T, samples []Sample) *Model {
	t.Helper()
	m, err := Fit(samples)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var someSamples = []Sample{
	{Name: "zq_pixel", Owner: "A", Class: 3}, {Name: "zq_sync", Owner: "B", Class: 3},
	{Name: "vw_view", Owner: "A", Class: 2, Lifetime: time.Hour}, {Name: "vw_hits", Owner: "C", Class: 2},
	{Name: "only_mine", Owner: "D", Class: 0}, {Name: "only_yours", Owner: "D", Class: 0},
}

func TestFit(t *testing.T) {
	m := fit(t, someSamples)
	if p, word := m.Guess("zq_new", 0); p[3] <= p[2] || word != "zq" {
		t.Errorf("Guess(zq_new) = %v by %q, want advertising, learned from two owners", p, word)
	}
	if p, word := m.Guess("only_zzz", 0); word != "" {
		t.Errorf("Guess(only_zzz) = %v by %q, want nothing learned from one owner", p, word)
	}
	if p, word := m.Guess("xsrftoken", 0); p[0] < 0.5 || word != "xsrftoken" {
		t.Errorf("Guess(xsrftoken) = %v by %q, want essential, as known before", p, word)
	}
	if _, word := m.Guess("mycsrftokenx", 0); word != "~csrftoken" {
		t.Errorf("Guess(mycsrftokenx) by %q, want the part ~csrftoken", word)
	}
}

func TestGuessAddsUp(t *testing.T) {
	m := fit(t, someSamples)
	for _, name := range []string{"", "zq_session", "ad", "___", strings.Repeat("cookieconsent", 50)} {
		p, _ := m.Guess(name, time.Hour)
		if sum := p[0] + p[1] + p[2] + p[3]; math.Abs(sum-1) > 1e-9 {
			t.Errorf("Guess(%q) = %v, want numbers that add up to 1", name, p)
		}
	}
}

func TestModelWrittenAndRead(t *testing.T) {
	m := fit(t, someSamples)
	text := m.Lines()
	if again := fit(t, someSamples).Lines(); again != text {
		t.Error("Fit made two models from the same samples")
	}
	read, err := Read("# a comment\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	if read.Lines() != text {
		t.Error("Read of Lines is another model")
	}
}

func TestReadFailure(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if _, err := Read(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%q) = %v, want an error with %q", in, err, want)
		}
	}
	f("a\t1\t2\t3\n", "line 1: 4 columns, want 5")
	f("# x\na\t1\t2\t3\tx\n", `line 2: weight "x"`)
}
