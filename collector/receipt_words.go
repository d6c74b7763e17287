package collector

import (
	"embed"

	"golang.org/x/text/language"

	"heed/consent/notice"
)

//go:embed receipts/*.json
var receiptFiles embed.FS

// receiptWords are what receipts say beside what their notices said, by language and id, in the languages of notices.
type receiptWords struct {
	texts   map[string]map[string]string
	locales []string // as matcher has them; the first is for whoever asks for none of them
	matcher language.Matcher
}

func newReceiptWords() receiptWords {
	w := receiptWords{texts: notice.MustReadTexts(receiptFiles, "receipts"), locales: notice.Locales()}
	tags := make([]language.Tag, len(w.locales))
	for i, locale := range w.locales {
		tags[i] = language.MustParse(locale)
	}
	w.matcher = language.NewMatcher(tags)
	return w
}

// in returns the language nearest to what is asked for, a tag or an Accept-Language header (RFC 9110 section 12.5.4).
func (w receiptWords) in(asked string) string {
	_, i := language.MatchStrings(w.matcher, asked)
	return w.locales[i]
}
