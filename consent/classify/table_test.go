package classify_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

func compiled(t testing.TB) *classify.Table {
	t.Helper()
	table, err := classify.Compiled()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var isSource = regexp.MustCompile(`^(ocd|tcf|memory)(\+(ocd|tcf|memory))*$`)

func TestTable(t *testing.T) {
	facts := compiled(t).Facts
	if len(facts) < 1500 {
		t.Errorf("the table has %d facts, want at least 1500", len(facts))
	}
	for _, f := range facts {
		_, err := time.Parse(time.DateOnly, f.Date)
		switch {
		case f.Pattern == "" || f.Owner == "":
			t.Errorf("fact %q of %q: want a pattern and an owner", f.Pattern, f.Owner)
		case f.Class == 0 || f.Class&(f.Class-1) != 0 || !consent.All.Has(f.Class):
			t.Errorf("fact %q: class %q, want exactly one", f.Pattern, f.Class)
		case !isSource.MatchString(f.Source):
			t.Errorf("fact %q: source %q, want ocd, tcf or memory", f.Pattern, f.Source)
		case err != nil:
			t.Errorf("fact %q: date %q: %v", f.Pattern, f.Date, err)
		case f.Kinds != "cookie" && f.Kinds != "web" && f.Kinds != "any":
			t.Errorf("fact %q: kinds %q, want cookie, web or any", f.Pattern, f.Kinds)
		case !classify.Match(f.Pattern, strings.NewReplacer("*", "x", "?", "7").Replace(f.Pattern)):
			t.Errorf("fact %q does not match a name made from it", f.Pattern)
		}
	}
}

func TestTableIsSortedWithoutDoubles(t *testing.T) {
	facts := compiled(t).Facts
	for i := 1; i < len(facts); i++ {
		a, b := facts[i-1], facts[i]
		if order := cmp.Or(strings.Compare(a.Pattern, b.Pattern), strings.Compare(a.Owner, b.Owner)); order >= 0 {
			t.Errorf("fact %q of %q stands before %q of %q, want them in order and none twice", a.Pattern, a.Owner, b.Pattern, b.Owner)
		}
	}
}

// A pattern with few letters fits names of other makers: without its domain it may say nothing, wherever else the name
// is found.
func TestShortPatternsNeedTheirDomain(t *testing.T) {
	table := compiled(t)
	short := slices.DeleteFunc(slices.Clone(table.Facts), func(f classify.Fact) bool { return classify.Distinctive(f.Pattern) })
	if len(short) == 0 {
		t.Fatal("the table has no short pattern, want some to test")
	}
	places := []classify.Cookie{{}, {FirstParty: "shop.example"}, {Domain: "tracker.example", FirstParty: "shop.example"}}
	for _, fact := range short {
		// A table of this fact alone, so that no other fact, and no word, can hide what it does.
		cl := classifier(t, classify.Config{Table: &classify.Table{Facts: []classify.Fact{fact}, Shapes: table.Shapes}})
		name := strings.NewReplacer("*", "Zq9", "?", "9").Replace(fact.Pattern)
		for _, place := range places {
			place.Name = name
			if v := cl.Classify(place); v.Reason == classify.ByPattern {
				t.Errorf("Classify(%+v) = %+v, want nothing of %q without its domain", place, v, fact.Pattern)
			}
		}
		if len(fact.Domains) == 0 {
			t.Errorf("fact %q can never match: it is short and has no domain", fact.Pattern)
			continue
		}
		at := classify.Cookie{Name: name, Domain: fact.Domains[0], FirstParty: "shop.example"}
		if v := cl.Classify(at); v.Fact != fact.Pattern || v.Class != fact.Class {
			t.Errorf("Classify(%+v) = %+v, want %v by %q", at, v, fact.Class, fact.Pattern)
		}
	}
}

func TestParseLifetime(t *testing.T) {
	f := func(in string, want time.Duration) {
		t.Helper()
		got, err := classify.ParseLifetime(in)
		if err != nil || got != want {
			t.Errorf("ParseLifetime(%q) = %v, %v, want %v", in, got, err, want)
		}
		if back := classify.FormatLifetime(got); back != in {
			t.Errorf("FormatLifetime(%v) = %q, want %q", got, back, in)
		}
	}
	f("", 0)
	f("session", classify.Session)
	f("1s", time.Second)
	f("90m", 90*time.Minute)
	f("25h", 25*time.Hour)
	f("400d", 400*24*time.Hour)
	f("100000d", 100_000*24*time.Hour)
}

func TestFormatLifetimeCuts(t *testing.T) {
	f := func(in time.Duration, want string) {
		t.Helper()
		if got := classify.FormatLifetime(in); got != want {
			t.Errorf("FormatLifetime(%v) = %q, want %q", in, got, want)
		}
	}
	f(-2, "")
	f(time.Millisecond, "")
	f(1500*time.Millisecond, "1s")
	f(200_001*time.Second, "3333m") // too many seconds
	f(1<<63-1, "100000d")
}

func TestParseLifetimeFailure(t *testing.T) {
	f := func(in string) {
		t.Helper()
		if got, err := classify.ParseLifetime(in); err == nil {
			t.Errorf("ParseLifetime(%q) = %v, want error", in, got)
		}
	}
	f("0d")
	f("-1d")
	f("1")
	f("d")
	f("1y")
	f("1.5h")
	f("100001d")
	f("99999999999999999999d")
	f(" 1d")
	f("Session")
}

func FuzzLifetime(f *testing.F) {
	f.Add("400d")
	f.Add("session")
	f.Add("99999s")
	f.Fuzz(func(t *testing.T, in string) {
		lifetime, err := classify.ParseLifetime(in)
		if err != nil {
			return
		}
		text := classify.FormatLifetime(lifetime)
		if again, err := classify.ParseLifetime(text); err != nil || again != lifetime {
			t.Errorf("ParseLifetime(FormatLifetime(%v)) = %v, %v, want the same", lifetime, again, err)
		}
	})
}
