package consent_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"heed/consent"
)

// FuzzParseChoice looks for text that ParseChoice takes although String would write it differently, since two texts for
// one choice would be a way around the seal and around every comparison.
func FuzzParseChoice(f *testing.F) {
	for _, v := range readVectors(f).Choices {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := consent.ParseChoice(text)
		if err != nil {
			if c != (consent.Choice{}) {
				t.Fatalf("ParseChoice(%q) = %+v with an error, want nothing", text, c)
			}
			return
		}
		if got := c.String(); got != text {
			t.Fatalf("ParseChoice(%q).String() = %q", text, got)
		}
		if c.Sealed && !c.Grants() {
			t.Fatalf("ParseChoice(%q) has a record on a refusal", text)
		}
		if c.Verify([]byte("a key that sealed nothing"), "site") {
			t.Fatalf("ParseChoice(%q) verifies under a key that sealed nothing", text)
		}
	})
}

func TestParseChoiceErrorsHideTheText(t *testing.T) {
	for _, v := range readVectors(t).Choices {
		_, err := consent.ParseChoice(v.Text)
		if err != nil && len(v.Text) > 8 && strings.Contains(err.Error(), v.Text[len(v.Text)-8:]) {
			t.Errorf("ParseChoice(%q): %v repeats the text", v.Text, err)
		}
	}
}

func TestChoiceLogValue(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("choice", "choice", parse(t, sealedText))
	if !strings.Contains(out.String(), "choice=1.05.20000.c0ffee01\n") {
		t.Fatalf("log has %q, want the choice without record and seal", out.String())
	}
}

func TestDayOf(t *testing.T) {
	f := func(at string, want int) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := consent.DayOf(when); got != want {
			t.Fatalf("DayOf(%s) = %d, want %d", at, got, want)
		}
	}
	f("1970-01-01T00:00:00Z", 0)
	f("1970-01-01T23:59:59Z", 0)
	f("1970-01-02T00:00:00Z", 1)
	f("2024-10-04T00:00:00Z", 20000)
	f("2024-10-04T01:00:00+02:00", 19999) // the day is UTC's
}

func TestCategories(t *testing.T) {
	f := func(text string, want consent.Categories) {
		t.Helper()
		got, err := consent.ParseCategories(text)
		if err != nil || got != want {
			t.Fatalf("ParseCategories(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	f("essential", consent.Essential)
	f("performance", consent.Performance)
	f("advertising,essential", consent.Advertising|consent.Essential)
	for set := range consent.All {
		f((set + 1).String(), set+1)
	}
	if got := consent.All.String(); got != "essential,functional,performance,advertising" {
		t.Fatalf("All.String() = %q", got)
	}
}

func TestParseCategoriesFailure(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if got, err := consent.ParseCategories(text); err == nil || got != 0 {
			t.Fatalf("ParseCategories(%q) = %v, %v, want nothing and an error", text, got, err)
		}
	}
	f("")                        // empty
	f("Performance")             // upper case
	f("performance,performance") // twice
	f("performance,")            // nothing behind the comma
	f("performance, essential")  // space
	f("marketing")               // unknown
}

func TestSources(t *testing.T) {
	names, err := fs.Glob(consent.Sources, "*")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(names, " "), "categories.ts choice.ts matrix.gen.ts permit.ts resolve.ts rules.ts"; got != want {
		t.Fatalf("Sources holds %q, want %q", got, want)
	}
}
