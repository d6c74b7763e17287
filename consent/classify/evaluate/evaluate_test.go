package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"heed/consent/classify"
	"heed/consent/classify/evidence"
)

// The promise of README.md: of companies never heard of, at most 2.5 % of names are excused that must not be; of those
// in the table, none.
func TestUnsafeRate(t *testing.T) {
	rows, err := evidence.Read("../testdata/evidence.tsv")
	if err != nil {
		t.Fatal(err)
	}
	table, err := classify.Compiled()
	if err != nil {
		t.Fatal(err)
	}
	names := label(rows, table.Facts)
	smaller, err := without(table.Facts, isTest)
	if err != nil {
		t.Fatal(err)
	}
	if len(smaller.Facts) == len(table.Facts) {
		t.Fatal("no fact was held out")
	}
	unseen, err := measure(heldOut(names, true), smaller)
	if err != nil {
		t.Fatal(err)
	}
	if unsafe, _ := unseen.decided.Unsafe(); float64(unsafe) > 0.025*float64(unseen.decided.Total()) {
		t.Errorf("%d of %d names of companies held out are unsafe, want at most 2.5 %%", unsafe, unseen.decided.Total())
	}
	all, err := measure(names, table)
	if err != nil {
		t.Fatal(err)
	}
	if unsafe, _ := all.decided.Unsafe(); unsafe != 0 {
		t.Errorf("%d names of the table are unsafe, want 0", unsafe)
	}
}

// README.md shows what the command prints.
func TestReadmeIsCurrent(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := evaluate(&out, "..", false); err != nil {
		t.Fatal(err)
	}
	// names, accuracy, macro-F1, unsafe of all, unsafe of those strict
	numbers := regexp.MustCompile(`(?m)against our review +(\d+) +([\d.]+)% +([\d.]+) +\d+ = +([\d.]+)% +\d+ = +([\d.]+)%$`)
	rows := numbers.FindAllStringSubmatch(out.String(), -1)
	if len(rows) != 3 {
		t.Fatalf("evaluate prints %d rows against our review, want 3:\n%s", len(rows), out.String())
	}
	f := func(title, want string) {
		t.Helper()
		if !strings.Contains(strings.ReplaceAll(string(readme), ",", ""), title+want) {
			t.Errorf("README.md has no row %q", title+want)
		}
	}
	f("companies held out", fmt.Sprintf(" | %s | %s %% | %s | %s %% | %s %% |", rows[0][1], rows[0][2], rows[0][3], rows[0][4], rows[0][5]))
	f("all with the whole table", fmt.Sprintf(" | %s | %s %% | %s | 0 | 0 |", rows[2][1], rows[2][2], rows[2][3]))
	table, err := classify.Compiled()
	if err != nil {
		t.Fatal(err)
	}
	f("`facts.gen.tsv` has ", fmt.Sprint(len(table.Facts))+" facts")
}

func TestSplitIsByOwner(t *testing.T) {
	names := []name{{owner: "A"}, {owner: "B"}, {owner: "C"}, {owner: "A"}, {owner: "D"}, {owner: "E"}}
	test, train := heldOut(names, true), heldOut(names, false)
	if len(test)+len(train) != len(names) {
		t.Errorf("%d and %d names, want %d in all", len(test), len(train), len(names))
	}
	for _, a := range test {
		for _, b := range train {
			if a.owner == b.owner {
				t.Errorf("owner %s is on both sides", a.owner)
			}
		}
	}
}

func TestEvaluatePrints(t *testing.T) {
	var out bytes.Buffer
	if err := evaluate(&out, "..", false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Companies held out", "The same names with the whole table", "macro-F1", "unsafe of all"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("evaluate prints no %q:\n%s", want, out.String())
		}
	}
}

func TestEvaluateFailure(t *testing.T) {
	if err := evaluate(&bytes.Buffer{}, t.TempDir(), false); err == nil {
		t.Error("evaluate of an empty folder = nil, want an error")
	}
}
