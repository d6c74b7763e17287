package consent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// The values of cells, in words. A column's words stand in the order of what they allow, the strictest first.
var (
	defaultWords = []string{"denied", "granted"}
	countWords   = []string{"exempt", "notice", "on"}              // in the order of countRule
	promptWords  = []string{"none", "notice", "opt_out", "opt_in"} // in the order of prompts
	signalWords  = []string{"refusal", "opt_out"}
	ageWords     = []string{"denied", "parental"}
)

// maxRepromptDays fits the browser's rules and is longer than any law asks for.
const maxRepromptDays = 1023

// read takes the answer of one column.
func (r *row) read(column Column, text json.RawMessage) (err error) {
	var word int
	switch column {
	case ColumnFunctional, ColumnPerformance, ColumnAdvertising:
		if word, err = readWord(text, defaultWords); word == 1 {
			r.base |= categoryOf(column)
		}
	case ColumnAnonymousCount:
		word, err = readWord(text, countWords)
		r.count = countRule(word)
	case ColumnPrompt:
		word, err = readWord(text, promptWords)
		r.prompt = uint8(word)
	case ColumnGPC:
		word, err = readWord(text, signalWords)
		r.gpc = signalRule{denies: Advertising, overChoices: word == 1}
	case ColumnDNT:
		word, err = readWord(text, signalWords)
		r.dnt = signalRule{denies: Advertising | Performance}
		if word == 1 { // as GPC
			r.dnt = signalRule{denies: Advertising, overChoices: true}
		}
	case ColumnLinks:
		r.links, err = readLinks(text)
	case ColumnReprompt:
		if err = json.Unmarshal(text, &r.days); err == nil && (r.days < 1 || r.days > maxRepromptDays) {
			err = fmt.Errorf("%d days, want 1 to %d", r.days, maxRepromptDays)
		}
	case ColumnAge:
		word, err = readWord(text, ageWords)
		r.parental = word == 1
	}
	return err
}

// says is the answer of one column, in the words of read where read has one.
func (r *row) says(column Column) string {
	switch column {
	case ColumnFunctional, ColumnPerformance, ColumnAdvertising:
		return defaultWords[bit(r.base.Has(categoryOf(column)))]
	case ColumnAnonymousCount:
		return countWords[r.count]
	case ColumnPrompt:
		return promptWords[r.prompt]
	case ColumnGPC:
		return signalWords[bit(r.gpc.overChoices)]
	case ColumnDNT:
		if r.dnt.overChoices && r.dnt.denies.Has(Performance) {
			return "refusal,opt_out" // where rows of both kinds were merged
		}
		return signalWords[bit(r.dnt.overChoices)]
	case ColumnLinks:
		return r.links.String()
	case ColumnReprompt:
		return strconv.Itoa(r.days)
	default:
		return ageWords[bit(r.parental)]
	}
}

func readWord(text json.RawMessage, words []string) (int, error) {
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return 0, err
	}
	i := slices.Index(words, word)
	if i < 0 {
		return 0, fmt.Errorf("unknown value %q, known are %q", word, words)
	}
	return i, nil
}

func readLinks(text json.RawMessage) (links Links, err error) {
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return 0, err
	}
	for _, name := range names {
		i := slices.Index(linkNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("unknown link %q, known are %q", name, linkNames)
		}
		links |= 1 << i
	}
	if links == 0 {
		return 0, fmt.Errorf("no link")
	}
	return links, nil
}

func categoryOf(column Column) Categories {
	category, _ := parseCategory(string(column)) // the columns have the categories' names
	return category
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}
