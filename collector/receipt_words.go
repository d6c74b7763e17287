package collector

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed receipts/*.json
var receiptFiles embed.FS

// receiptFallback is the language whose words are known to be there.
const receiptFallback = "en"

// receiptWords are what receipts say beside what their notices said, by language and id.
type receiptWords struct {
	texts   map[string]map[string]string
	locales []string // those of texts; the fallback first
	matcher language.Matcher
}

// mustReadReceiptWords panics on a file that a test would have refused.
func mustReadReceiptWords() receiptWords {
	w := receiptWords{texts: map[string]map[string]string{}}
	entries, err := receiptFiles.ReadDir("receipts")
	if err != nil {
		panic(fmt.Sprintf("collector: %v", err))
	}
	for _, entry := range entries {
		data, err := receiptFiles.ReadFile("receipts/" + entry.Name())
		if err != nil {
			panic(fmt.Sprintf("collector: %v", err))
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			panic(fmt.Sprintf("collector: receipts/%s: %v", entry.Name(), err))
		}
		w.texts[strings.TrimSuffix(entry.Name(), ".json")] = texts
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(w.texts)), func(locale string) bool { return locale == receiptFallback })
	w.locales = append([]string{receiptFallback}, others...)
	var tags []language.Tag
	for _, locale := range w.locales {
		tags = append(tags, language.MustParse(locale))
	}
	w.matcher = language.NewMatcher(tags)
	return w
}

// in returns the language nearest to what is asked for, a tag or an Accept-Language header (RFC 9110 section 12.5.4).
func (w receiptWords) in(asked string) string {
	_, i := language.MatchStrings(w.matcher, asked)
	return w.locales[i]
}
