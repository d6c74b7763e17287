package main

import (
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	f := func(ready []float64, want float64) {
		t.Helper()
		visits := make([]seen, len(ready))
		for i, ms := range ready {
			visits[i].Ready = ms
		}
		if got := median(visits, func(v seen) float64 { return v.Ready }); got != want {
			t.Errorf("median(%v) = %v, want %v", ready, got, want)
		}
	}
	f(nil, 0)
	f([]float64{3, 1, 2}, 2)
	f([]float64{4, 1, 3, 2}, 2.5)
}

func TestStubOf(t *testing.T) {
	tag := "<script data-heed=\"0a1b2c3d\">run('it')</script>\n<script async src=\"/h/k/heed.js\"></script>\n"
	got, err := stubOf(tag)
	if err != nil || string(got.raw) != "run('it')" {
		t.Errorf("stubOf(%q) = %q, %v, want %q", tag, got.raw, err, "run('it')")
	}
	if _, err := stubOf("<p>no script"); err == nil {
		t.Error("stubOf without a script: want error")
	}
}

// TestSizes holds the table to the files that it names: a file that the site does not have would be one of no bytes.
func TestSizes(t *testing.T) {
	b, err := build("tag")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := pack([]byte(strings.Repeat("their script ", 100)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := &site{heed: map[string]built{"tag": b}, theirs: vanilla{script: theirs, style: theirs}}
	if err := s.printSizes(&out); err != nil {
		t.Fatal(err)
	}
	if table := out.String(); strings.Contains(table, "| 0 |") || !strings.Contains(table, "| 1300 |") {
		t.Errorf("printSizes printed\n%s\nwant no file without bytes, and theirs of 1300", table)
	}
}
