package consent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// Column is one question that the matrix answers for every place.
type Column string

// The columns, in the order in which a row tells them.
const (
	ColumnFunctional     Column = "functional" // denied or granted before a choice
	ColumnPerformance    Column = "performance"
	ColumnAdvertising    Column = "advertising"
	ColumnAnonymousCount Column = "anonymous_count" // exempt, notice or on
	ColumnPrompt         Column = "prompt"
	ColumnGPC            Column = "gpc" // refusal or opt_out
	ColumnDNT            Column = "dnt"
	ColumnLinks          Column = "links"
	ColumnReprompt       Column = "reprompt_days"
	ColumnAge            Column = "age" // denied or parental
)

// columns in the order of the constants.
var columns = [...]Column{
	ColumnFunctional, ColumnPerformance, ColumnAdvertising, ColumnAnonymousCount, ColumnPrompt,
	ColumnGPC, ColumnDNT, ColumnLinks, ColumnReprompt, ColumnAge,
}

// Source is where a cell's answer is from.
type Source struct {
	Cite     string `json:"cite"`
	Date     string `json:"date"`            // as exactly as it is known: 2025, 2025-07 or 2025-07-31
	Dated    string `json:"dated"`           // what happened then: published, in_force, or read by us where the text's date is not known
	Evidence string `json:"evidence"`        // primary text, secondary, source_code, memory, or own: a rule of Heed
	Check    string `json:"check,omitempty"` // what of this citation itself is to be checked
}

// Row is what a row of the matrix says to a person.
type Row struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Cells []Cell `json:"cells"` // one per column
}

// Cell is one answer, with its sources.
type Cell struct {
	Column  Column   `json:"column"`
	Value   string   `json:"value"`          // names joined by commas where there are several
	From    string   `json:"from,omitempty"` // the row it is from, where this row is the strictest of several
	Sources []Source `json:"sources"`
	Note    string   `json:"note,omitempty"`
	// Exemption, in the anonymous count: the law of the place is known to have one, on conditions of its own.
	Exemption bool   `json:"exemption,omitempty"`
	Check     string `json:"check,omitempty"` // what is to be checked before relying on it, and why
}

// matrixFile is the shape of matrix.json; matrix.schema.json says it to others.
type matrixFile struct {
	Schema  string                         `json:"$schema"`
	Version uint32                         `json:"version"`
	Date    string                         `json:"date"`
	Sources map[string]Source              `json:"sources"`
	Regions map[string]map[string]string   `json:"regions"` // country → English name, as the geo data writes it → code
	Classes map[string]map[Column]fileCell `json:"classes"`
	Rows    []fileRow                      `json:"rows"`
}

// fileRow takes from its class the cells that it has not itself.
type fileRow struct {
	ID     string              `json:"id"`
	Name   string              `json:"name"`
	Class  string              `json:"class"`
	Places []string            `json:"places"` // "DE", or "US-CA" for a region
	Cells  map[Column]fileCell `json:"cells"`
}

type fileCell struct {
	Value     json.RawMessage `json:"value"`
	Sources   []string        `json:"sources"`
	Note      string          `json:"note"`
	Check     string          `json:"check"`
	Exemption bool            `json:"exemption"`
}

// readMatrix reads and checks the file: every row has an answer with a source in every column, every region a row.
func readMatrix(text []byte) (*matrix, error) {
	var file matrixFile
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	if file.Version != MatrixVersion {
		return nil, fmt.Errorf("version %d, want %d", file.Version, MatrixVersion)
	}
	m := &matrix{rows: map[Place]*row{}, codes: map[string][]string{}, names: map[Place]string{}, date: file.Date}
	for _, entry := range file.Rows {
		r, err := file.compile(entry)
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", entry.ID, err)
		}
		if err := m.add(r, entry.Places, file.Regions); err != nil {
			return nil, fmt.Errorf("row %s: %w", entry.ID, err)
		}
	}
	if m.rest == nil || m.strictest == nil {
		return nil, fmt.Errorf("rows %s and %s are missing", Rest, Strictest)
	}
	return m, m.mergeRegions(file.Regions)
}

// add puts the row under its places; a region is found by its code and by its name.
func (m *matrix) add(r *row, places []string, regions map[string]map[string]string) error {
	m.inOrder = append(m.inOrder, r)
	switch r.id {
	case Rest:
		m.rest = r
	case Strictest:
		m.strictest = r
	}
	for _, text := range places {
		country, code, _ := strings.Cut(text, "-")
		found := []Place{{country, code}}
		for name, of := range regions[country] {
			if of == code {
				found = append(found, Place{country, name})
			}
		}
		if code != "" && len(found) != 2 {
			return fmt.Errorf("place %s: the region has %d names, want 1", text, len(found)-1)
		}
		for _, place := range found {
			if m.rows[place] != nil {
				return fmt.Errorf("place %s has another row: %s", text, m.rows[place].id)
			}
			m.rows[place] = r
			if code != "" {
				m.names[place] = text
			}
		}
	}
	return nil
}

// mergeRegions gives each country that is told apart by region a row for when the region is not known.
func (m *matrix) mergeRegions(regions map[string]map[string]string) error {
	for _, country := range slices.Sorted(maps.Keys(regions)) {
		codes := slices.Sorted(maps.Values(regions[country]))
		var rows []*row
		for _, code := range codes {
			r := m.rows[Place{country, code}]
			if r == nil {
				return fmt.Errorf("region %s-%s has no row", country, code)
			}
			if !slices.Contains(rows, r) {
				rows = append(rows, r)
			}
		}
		if m.rows[Place{Country: country}] != nil {
			return fmt.Errorf("country %s has regions and a row of its own", country)
		}
		r := mergeRows(country, rows)
		m.rows[Place{Country: country}], m.codes[country] = r, codes
		m.inOrder = append(m.inOrder, r)
	}
	return nil
}

// mergeRows takes each cell from a row whose answer is as strict as all of them together, first of all from the strictest
// row there is; where none is, as with links, the cell joins the answers of all.
func mergeRows(country string, rows []*row) *row {
	all := *rows[0]
	for _, r := range rows[1:] {
		all = stricter(all, *r)
	}
	all.id, all.merged = country, true
	all.told = &Row{ID: country, Name: "Somewhere in " + country + ": the strictest of its rows"}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b *row) int { return b.likeness(&all) - a.likeness(&all) })
	for i, column := range columns {
		at := slices.IndexFunc(rows, func(r *row) bool { return r.says(column) == all.says(column) })
		cell := rows[max(at, 0)].told.Cells[i]
		cell.From = rows[max(at, 0)].id
		if at < 0 {
			cell = joinCells(column, all.says(column), rows)
		}
		all.told.Cells = append(all.told.Cells, cell)
	}
	return &all
}

// likeness is how many answers r has in common with strictest, each of its links being one.
func (r *row) likeness(strictest *row) int {
	n := bits.OnesCount16(uint16(r.links & strictest.links))
	for _, column := range columns {
		n += bit(r.says(column) == strictest.says(column))
	}
	return n
}

func joinCells(column Column, value string, rows []*row) Cell {
	joined := Cell{Column: column, Value: value}
	var from, checks []string
	for _, r := range rows {
		cell := r.told.Cells[slices.Index(columns[:], column)]
		for _, source := range cell.Sources {
			if !slices.Contains(joined.Sources, source) {
				joined.Sources = append(joined.Sources, source)
			}
		}
		from = append(from, r.id)
		if cell.Check != "" && !slices.Contains(checks, cell.Check) {
			checks = append(checks, cell.Check)
		}
	}
	joined.From, joined.Check = strings.Join(from, ","), strings.Join(checks, "; ")
	return joined
}

// compile makes a row ready for decisions.
func (f *matrixFile) compile(entry fileRow) (*row, error) {
	r := &row{id: entry.ID, base: Essential, told: &Row{ID: entry.ID, Name: entry.Name}}
	if entry.ID == "" || entry.Name == "" {
		return nil, errors.New("id or name is empty")
	}
	if f.Classes[entry.Class] == nil {
		return nil, fmt.Errorf("there is no class %q", entry.Class)
	}
	for _, column := range columns {
		cell, ok := entry.Cells[column]
		if !ok {
			cell, ok = f.Classes[entry.Class][column]
		}
		if !ok || len(cell.Sources) == 0 {
			return nil, fmt.Errorf("column %s has no answer, or no source", column)
		}
		if err := r.read(column, cell.Value); err != nil {
			return nil, fmt.Errorf("column %s: %w", column, err)
		}
		if cell.Exemption && (column != ColumnAnonymousCount || r.count != countIfExempt) {
			return nil, fmt.Errorf("column %s: only a count that needs an exemption can have one", column)
		}
		told := Cell{Column: column, Value: r.says(column), Note: cell.Note, Check: cell.Check, Exemption: cell.Exemption}
		for _, id := range cell.Sources {
			source, ok := f.Sources[id]
			if !ok {
				return nil, fmt.Errorf("column %s: there is no source %q", column, id)
			}
			told.Sources = append(told.Sources, source)
		}
		r.told.Cells = append(r.told.Cells, told)
	}
	return r, nil
}
