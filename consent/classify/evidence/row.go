package evidence

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

// Row is one statement of one source about one name.
type Row struct {
	Pattern  string // a name; * stands for any text
	Kinds    string // cookie, web or any
	Domains  []string
	Owner    string
	Service  string
	Lifetime time.Duration      // 0 is unknown
	Says     consent.Categories // the source's class; 0 when it gives none
	Hint     consent.Categories // what its description, which is not kept, lets one suspect; 0 when nothing
	Source   string             // ocd or tcf
}

const rowColumns = 9

// Line returns the row as [Read] reads it, without a line's end.
func (r Row) Line() string {
	return strings.Join([]string{
		r.Pattern, r.Kinds, strings.Join(r.Domains, " "), r.Owner, r.Service,
		classify.FormatLifetime(r.Lifetime), r.Says.String(), r.Hint.String(), r.Source,
	}, "\t")
}

// Read reads the rows of a file.
func Read(path string) ([]Row, error) {
	var rows []Row
	err := readLines(path, rowColumns, func(c []string) error {
		row := Row{Pattern: c[0], Kinds: c[1], Domains: strings.Fields(c[2]), Owner: c[3], Service: c[4], Source: c[8]}
		var err error
		if row.Lifetime, err = classify.ParseLifetime(c[5]); err != nil {
			return err
		}
		if row.Says, err = optionalClass(c[6]); err != nil {
			return err
		}
		row.Hint, err = optionalClass(c[7])
		rows = append(rows, row)
		return err
	})
	return rows, err
}

func optionalClass(text string) (consent.Categories, error) {
	if text == "" {
		return 0, nil
	}
	return consent.ParseCategories(text)
}

// sorted orders rows so that the same rows make the same file, and drops those that say the same.
func sorted(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Line(), b.Line()) })
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.Line() == b.Line() })
}

// readLines calls read with the columns of each line that does not begin with #.
func readLines(path string, columns int, read func([]string) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(line, "\t")
		if len(c) != columns {
			return fmt.Errorf("%s:%d: %d columns, want %d", path, number, len(c), columns)
		}
		if err := read(c); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return nil
}
