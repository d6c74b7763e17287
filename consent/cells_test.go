package consent_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"heed/consent"
)

// rawMatrix is matrix.json as somebody reads it who knows nothing of this package.
type rawMatrix struct {
	Sources map[string]struct{ Cite, Date, Dated, Evidence string }
	Classes map[string]map[string]rawCell
	Rows    []struct {
		ID, Name, Class string
		Places          []string
		Cells           map[string]rawCell
	}
}

type rawCell struct {
	Value   any
	Sources []string
	Check   string
}

var allColumns = strings.Fields("functional performance advertising anonymous_count prompt gpc dnt links reprompt_days age")

func TestMatrixMeetsItsSchema(t *testing.T) {
	schema := jsonschema.NewCompiler().MustCompile("matrix.schema.json")
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(readMatrix(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Fatal(err)
	}
}

// Every column of every row has an answer with sources; what rests on nothing that was read itself is marked as to be
// checked; and nobody is followed up by default on the word of a source without a date.
func TestMatrixCellsHaveSources(t *testing.T) {
	m := rawRows(t)
	if len(m.Rows) < 76 {
		t.Errorf("the matrix has %d rows, want at least 76", len(m.Rows))
	}
	used := map[string]bool{}
	for _, row := range m.Rows {
		if len(row.Cells) != len(allColumns) {
			t.Errorf("row %s answers %q, want %q", row.ID, slices.Sorted(maps.Keys(row.Cells)), allColumns)
		}
		for column, cell := range row.Cells {
			firm, dated := false, false
			for _, id := range cell.Sources {
				source := m.Sources[id]
				used[id] = true
				firm = firm || source.Evidence == "primary" || source.Evidence == "own"
				dated = dated || source.Dated == "published" || source.Dated == "in_force"
			}
			if !firm && cell.Check == "" {
				t.Errorf("row %s, column %s: nothing primary among %q, want a mark what to check", row.ID, column, cell.Sources)
			}
			if cell.Value == "granted" && !dated {
				t.Errorf("row %s, column %s: granted by %q, want a source with a date of its own", row.ID, column, cell.Sources)
			}
		}
	}
	for id := range m.Sources {
		if !used[id] {
			t.Errorf("no cell rests on source %s", id)
		}
	}
}

// TestCells asks Resolve about each cell and compares with the cell's own words: what vectors.json writes down for
// places, this derives once more from the file alone.
func TestCells(t *testing.T) {
	for _, row := range rawRows(t).Rows {
		place := ""
		switch {
		case row.ID == consent.Rest:
			place = "XX"
		case len(row.Places) > 0:
			place = row.Places[0]
		}
		check := cellCheck{t, row.ID, row.Cells, consent.Input{
			Day: 20_000, Notice: "c0ffee01", MatrixVersion: consent.MatrixVersion, Place: placeOf(place),
		}}
		check.defaults()
		check.count()
		check.prompt()
		check.signal("gpc", consent.Advertising, func(in *consent.Input, c *consent.Choice, on bool) { in.SecGPC, c.GPC = on, true })
		check.signal("gpc", consent.Advertising, func(in *consent.Input, c *consent.Choice, on bool) { in.JSGPC, c.GPC = on, true })
		tracking := consent.Advertising | consent.Performance
		if row.Cells["dnt"].Value == "opt_out" {
			tracking = consent.Advertising
		}
		check.signal("dnt", tracking, func(in *consent.Input, c *consent.Choice, on bool) { in.DNT, c.DNT = on, true })
		check.links()
		check.reprompt()
		check.age()
	}
}

type cellCheck struct {
	t     *testing.T
	row   string
	cells map[string]rawCell
	in    consent.Input
}

func (c cellCheck) want(column string, ok bool, in consent.Input) {
	c.t.Helper()
	if !ok {
		c.t.Errorf("row %s, column %s = %v: Resolve(%+v) = %+v", c.row, column, c.cells[column].Value, in, consent.Resolve(in))
	}
}

func (c cellCheck) defaults() {
	d := consent.Resolve(c.in)
	if d.Jurisdiction != c.row {
		c.t.Errorf("Resolve in %+v: jurisdiction %s, want %s", c.in.Place, d.Jurisdiction, c.row)
	}
	for _, column := range []string{"functional", "performance", "advertising"} {
		category, err := consent.ParseCategories(column)
		if err != nil {
			c.t.Fatal(err)
		}
		c.want(column, d.Granted.Has(category) == (c.cells[column].Value == "granted"), c.in)
	}
}

func (c cellCheck) count() {
	in := c.in
	in.Site.AnonymousCount = true
	measured := c.cells["performance"].Value == "granted"
	c.want("anonymous_count", consent.Resolve(in).AnonymousCount == (c.cells["anonymous_count"].Value != "exempt" && !measured), in)
	in.Site.Exemption = true
	c.want("anonymous_count", consent.Resolve(in).AnonymousCount == !measured, in)
	in.DNT = true
	c.want("anonymous_count", !consent.Resolve(in).AnonymousCount, in)
}

func (c cellCheck) prompt() {
	want := consent.Prompt(c.cells["prompt"].Value.(string))
	if want == "none" {
		want = consent.NoPrompt
	}
	c.want("prompt", consent.Resolve(c.in).Prompt == want, c.in)
	answered := c.in
	answered.Choice = &consent.Choice{Granted: consent.Essential, Day: c.in.Day, Notice: c.in.Notice}
	c.want("prompt", consent.Resolve(answered).Prompt == consent.NoPrompt, answered)
}

// signal drives one signal: without a choice, after a yes, in sight of a yes, and when it is gone.
func (c cellCheck) signal(column string, denies consent.Categories, set func(in *consent.Input, seen *consent.Choice, on bool)) {
	yes := consent.Choice{Granted: consent.All, Day: c.in.Day - 1, Notice: c.in.Notice}
	bare, after, inSight, gone := c.in, c.in, c.in, c.in
	set(&bare, new(consent.Choice), true)
	after.Choice = &yes
	set(&after, new(consent.Choice), true)
	seen := yes
	inSight.Choice, gone.Choice = &seen, &seen
	set(&inSight, &seen, true)
	set(&gone, &seen, false)
	overrides := c.cells[column].Value == "opt_out"
	c.want(column, consent.Resolve(bare).Granted&denies == 0 && consent.Resolve(bare).OptOutHonoured, bare)
	c.want(column, consent.Resolve(after).Granted == consent.All&^denies, after)
	for _, in := range []consent.Input{inSight, gone} {
		kept := consent.Resolve(in).Granted
		c.want(column, overrides && kept == consent.All&^denies || !overrides && kept == consent.All, in)
	}
}

func (c cellCheck) links() {
	var want []string
	for _, link := range c.cells["links"].Value.([]any) {
		want = append(want, link.(string))
	}
	got := consent.Resolve(c.in).Links.Names()
	slices.Sort(want)
	slices.Sort(got)
	c.want("links", slices.Equal(got, want), c.in)
}

func (c cellCheck) reprompt() {
	days := int(c.cells["reprompt_days"].Value.(float64))
	last, over := c.in, c.in
	last.Choice = &consent.Choice{Granted: consent.All, Day: c.in.Day - days, Notice: c.in.Notice}
	over.Choice = &consent.Choice{Granted: consent.All, Day: c.in.Day - days - 1, Notice: c.in.Notice}
	c.want("reprompt_days", consent.Resolve(last).Granted == consent.All, last)
	c.want("reprompt_days", consent.Resolve(last).Prompt == consent.NoPrompt, last)
	without := consent.Resolve(c.in)
	c.want("reprompt_days", consent.Resolve(over).Granted == without.Granted, over)
	c.want("reprompt_days", consent.Resolve(over).Prompt == without.Prompt, over)
}

func (c cellCheck) age() {
	in := c.in
	in.Choice = &consent.Choice{Granted: consent.All, Day: c.in.Day, Notice: c.in.Notice}
	children := in
	children.Site.Children = true
	c.want("age", consent.Resolve(children).Granted == consent.Essential|consent.Functional, children)
	for _, in.Age = range []consent.Age{consent.Under13, consent.From13, consent.From16} {
		in.ParentVerified = false
		c.want("age", consent.Resolve(in).Granted == consent.Essential|consent.Functional, in)
		in.ParentVerified = true
		tracked := consent.Resolve(in).Granted == consent.All
		c.want("age", tracked == (c.cells["age"].Value == "parental"), in)
	}
}

// rawRows gives each row the cells of its class that it has not itself.
func rawRows(t *testing.T) rawMatrix {
	t.Helper()
	var m rawMatrix
	if err := json.Unmarshal(readMatrix(t), &m); err != nil {
		t.Fatal(err)
	}
	for i, row := range m.Rows {
		cells := maps.Clone(m.Classes[row.Class])
		maps.Copy(cells, row.Cells)
		m.Rows[i].Cells = cells
	}
	return m
}

func readMatrix(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("matrix.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}
