package classify_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"heed/consent/classify"
)

func TestMatch(t *testing.T) {
	f := func(pattern, name string, want bool) {
		t.Helper()
		if got := classify.Match(pattern, name); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	}
	f("_ga", "_ga", true)
	f("_ga", "_gat", false)
	f("_ga*", "_ga", true)
	f("_ga*", "x_ga", false)
	f("*_cap", "a_cap_cap", true)
	f("*_cap", "a_caps", false)
	f("a*b*c", "a1b2b3c", true)
	f("a*b*c", "acb", false)
	f("*", "", true)
	f("", "", true)
	f("", "a", false)
	f("v??", "vA7", true)
	f("v??", "va7", false)
	f("v??", "vA", false)
	f("v?*", "v", false)
	f("a*", "a*", true)
	f("a?b", "a?b", true)
}

// FuzzMatch compares with a regular expression that says the same.
func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "a1b2c")
	f.Add("**?", "x")
	f.Add("*a*a*a", "aaaa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 20 || len(name) > 60 || !utf8.ValidString(pattern) || !utf8.ValidString(name) {
			return // the other side thinks in characters
		}
		quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `[?A-Z0-9]`).Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)^` + quoted + `$`).MatchString(name)
		if got := classify.Match(pattern, name); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

func TestShapeOf(t *testing.T) {
	f := func(value string, want classify.ValueShape) {
		t.Helper()
		if got := classify.ShapeOf(value); got != want {
			t.Errorf("ShapeOf(%q) = %v, want %v", value, got, want)
		}
	}
	f("", classify.EmptyValue)
	f(`""`, classify.EmptyValue)
	f("true", classify.Flag)
	f("1", classify.Flag)
	f("de-AT", classify.Locale)
	f("EUR", classify.Locale)
	f("zh_Hant_TW", classify.Locale)
	f("9f8b2c1e-7d43-4c55-9e1a-0b6f2d8a4c11", classify.Identifier)
	f("GA1.2.1234567890.1690000000", classify.Identifier)
	f(`{"id":"d41d8cd98f00b204e9800998ecf8427e"}`, classify.Identifier)
	f("12345678901234567890", classify.Identifier)
	f("1690000000000", classify.OtherValue) // a time in milliseconds
	f("dark", classify.OtherValue)
	f("a-long-text-without-any-digit-in-it", classify.OtherValue)
	f(strings.Repeat("-", 1<<20), classify.OtherValue)
}

func FuzzShapeOf(f *testing.F) {
	f.Add("GA1.2.1234567890.1690000000")
	f.Fuzz(func(t *testing.T, value string) {
		if shape := classify.ShapeOf(value); shape == classify.UnknownValue || shape > classify.OtherValue {
			t.Errorf("ShapeOf(%q) = %v, want a shape", value, shape)
		}
	})
}
