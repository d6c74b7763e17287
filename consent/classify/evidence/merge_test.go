package evidence

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heed/consent"
	"heed/consent/classify"
)

// committed reads the files that the table is made from.
func committed(t *testing.T) ([]Row, []Decision) {
	t.Helper()
	var rows []Row
	for _, name := range []string{"testdata/evidence.tsv", "additions.tsv"} {
		more, err := Read(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, more...)
	}
	decisions, err := ReadDecisions(filepath.Join("..", "decisions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return rows, decisions
}

// Whatever we decided: what any source calls performance or advertising, the table never calls less.
func TestTableIsNeverLooserThanASource(t *testing.T) {
	rows, _ := committed(t)
	table, err := classify.Compiled()
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]consent.Categories{}
	for _, fact := range table.Facts {
		classes[fact.Pattern+"\t"+fact.Owner] = fact.Class
	}
	for _, row := range rows {
		if class, ok := classes[row.Pattern+"\t"+row.Owner]; ok && class < row.Says {
			t.Errorf("%q of %s is %v in the table, and %v to %s", row.Pattern, row.Owner, class, row.Says, row.Source)
		}
	}
}

func TestTableIsCurrent(t *testing.T) {
	rows, decisions := committed(t)
	want, err := Merge(rows, decisions)
	if err != nil {
		t.Fatal(err)
	}
	table, err := classify.Compiled()
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b classify.Fact) bool { return a.Line() == b.Line() }
	if !slices.EqualFunc(table.Facts, want, same) {
		t.Errorf("facts.gen.tsv has %d facts that differ from the %d of its sources; run go generate", len(table.Facts), len(want))
	}
}

func TestMerge(t *testing.T) {
	rows := []Row{
		{Pattern: "both", Kinds: "cookie", Owner: "A", Says: consent.Essential, Lifetime: classify.Session, Source: "ocd"},
		{Pattern: "both", Kinds: "web", Owner: "A", Says: consent.Performance, Lifetime: 3600e9, Source: "tcf", Domains: []string{"a.example"}},
		{Pattern: "hinted", Kinds: "any", Owner: "A", Says: consent.Essential, Hint: consent.Advertising, Source: "ocd"},
		{Pattern: "cleared", Kinds: "any", Owner: "A", Says: consent.Essential, Hint: consent.Advertising, Source: "ocd"},
		{Pattern: "silent", Kinds: "web", Owner: "A", Source: "tcf"},
		{Pattern: "both", Kinds: "web", Owner: "Silent", Source: "tcf"},
		{Pattern: "abc*", Kinds: "web", Owner: "A", Says: consent.Advertising, Source: "tcf"},
	}
	facts, err := Merge(rows, []Decision{
		{Owner: "*", Service: "*", Pattern: "hinted", Class: consent.Functional},
		{Owner: "A", Service: "*", Pattern: "cleared", Exactly: true, Class: consent.Functional},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fact := range facts {
		got = append(got, strings.ReplaceAll(fact.Line(), "\t", "|"))
	}
	want := []string{
		"both|any|A||a.example|performance|1h|ocd+tcf|2026-08-20|conflict",
		"cleared|any|A|||functional||ocd|2026-01-21|",
		"hinted|any|A|||advertising||ocd|2026-01-21|",
		"silent|web|A|||advertising||tcf|2026-08-20|", // a vendor of advertising that does not say what for
	}
	if !slices.Equal(got, want) {
		t.Errorf("Merge = %q, want %q", got, want)
	}
}

func TestMergeFailure(t *testing.T) {
	rows := []Row{{Pattern: "ad", Kinds: "any", Owner: "A", Says: consent.Advertising, Source: "tcf"}}
	f := func(d Decision, want string) {
		t.Helper()
		if _, err := Merge(rows, []Decision{d}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Merge with %+v = %v, want an error with %q", d, err, want)
		}
	}
	f(Decision{Owner: "A", Service: "*", Pattern: "ad", Exactly: true, Class: consent.Essential}, "may not loosen it")
	f(Decision{Owner: "B", Service: "*", Pattern: "*", Class: consent.Essential}, "nothing is called B, *, *")
}
