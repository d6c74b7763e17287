package analytics

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// formatted formats s and checks what must hold for any table: printable ASCII, no line over 80 columns.
func formatted(t *testing.T, s Stats) string {
	t.Helper()
	var b bytes.Buffer
	if err := FormatTable(&b, s); err != nil {
		t.Fatalf("FormatTable = %v, want no error", err)
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > tableWidth {
			t.Errorf("FormatTable: %d columns in %q, want at most %d", len(line), line, tableWidth)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("FormatTable: spaces at the end of %q", line)
		}
		for i := range len(line) {
			if line[i] < ' ' || line[i] > '~' {
				t.Errorf("FormatTable: byte %#x in %q", line[i], line)
			}
		}
	}
	return b.String()
}

func TestFormatTable(t *testing.T) {
	a := open(t, visit(t)...)
	f := func(name, parameters string) {
		t.Helper()
		stats, err := a.Stats(t.Context(), query(t, parameters))
		if err != nil {
			t.Fatalf("Stats(%q) = %v, want no error", parameters, err)
		}
		file, got := "testdata/table/"+name+".txt", formatted(t, stats)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("FormatTable(%s) = %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	f("day", "from=2025-06-10&to=2025-06-10&tz=Europe/Berlin")
	f("month", "from=2025-06-01&to=2025-06-30&limit=1")
	f("bots", "from=2025-06-10&to=2025-06-10&bots=only")
	f("empty", "from=2025-01-01&to=2025-01-31")
}

// What strangers can put into a row is shown, and does nothing.
func TestFormatTableHostile(t *testing.T) {
	counts := Counts{Views: 18446744073709551615, EngagedMS: 18446744073709551615, EngagedAverage: 86400000}
	const hostile = "/\x1b[2J\x1b]0;owned\a\r\n\t\x00\u202egnp.exe \u009b1m\xff \\x41 \U0001f600 ü"
	got := formatted(t, Stats{
		Query:   Query{Site: hostile, Zone: hostile},
		Note:    &Note{OnlyAnonymous, strings.Repeat(hostile, 5)},
		Summary: &Summary{Counts: counts},
		Series:  []Bucket{{Counts: counts}},
		Pages:   List[Page]{Rows: []Page{{hostile, hostile + strings.Repeat("x", 5000), counts}}, More: true},
		Sources: List[Source]{Rows: []Source{{"campaign", hostile, counts}, {hostile, hostile, counts}}},
		Regions: List[Region]{Rows: []Region{{hostile, hostile, counts}}},
		Forms:   List[Form]{Rows: []Form{{hostile, hostile, hostile, 1, 1}}},
		Events:  List[Event]{Rows: []Event{{hostile, 1, 1}}},
		Bots:    List[Bot]{Rows: []Bot{{hostile, 1, 1}}},
	})
	for _, want := range []string{`\x1b[2J`, `\u202e`, `\\x41`} {
		if !strings.Contains(got, want) {
			t.Errorf("FormatTable(hostile) lacks %s:\n%s", want, got)
		}
	}
}

func TestDuration(t *testing.T) {
	f := func(ms uint64, want string) {
		t.Helper()
		if got := duration(ms); got != want {
			t.Errorf("duration(%d) = %s, want %s", ms, got, want)
		}
	}
	f(0, "0s")
	f(40, "0.0s")
	f(4249, "4.2s")
	f(59999, "59s")
	f(65000, "1m 05s")
	f(7800000, "2h 10m")
	f(3600000*1234, "1234h")
}

func TestCount(t *testing.T) {
	f := func(n uint64, want string) {
		t.Helper()
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
	f(99999999, "99999999")
	f(123456789, "123.5M")
	f(18446744073709551615, "1.84e+19")
}

func TestFormatTableFailure(t *testing.T) {
	if err := FormatTable(failing{}, Stats{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("FormatTable to a closed file = %v, want %v", err, os.ErrClosed)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }
