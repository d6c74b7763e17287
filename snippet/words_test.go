package snippet

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"heed/consent/notice"
)

// TestWords holds words.json to the languages of the notices: whoever can be asked can be told what waits for the answer.
func TestWords(t *testing.T) {
	text, err := os.ReadFile("words.json")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]map[string]string
	if err := json.Unmarshal(text, &words); err != nil {
		t.Fatalf("decode words.json: %v", err)
	}
	if got, want := slices.Sorted(maps.Keys(words)), slices.Sorted(slices.Values(notice.Locales())); !slices.Equal(got, want) {
		t.Errorf("locales of words.json = %q, want %q", got, want)
	}
	hosts := map[string]int{"held": 1, "allow": 1, "later": 0} // how often each names the host
	for locale, said := range words {
		if got, want := slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(hosts)); !slices.Equal(got, want) {
			t.Errorf("texts in %q = %q, want %q", locale, got, want)
		}
		for id, want := range hosts {
			if strings.TrimSpace(strings.ReplaceAll(said[id], "{host}", "")) == "" {
				t.Errorf("text %q in %q = %q, want words", id, locale, said[id])
			}
			if got := strings.Count(said[id], "{host}"); got != want {
				t.Errorf("{host} in %q in %q stands %d times, want %d", id, locale, got, want)
			}
		}
	}
}
