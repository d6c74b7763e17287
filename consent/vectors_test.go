package consent_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heed/consent"
)

var update = flag.Bool("update", false, "write vectors.json's cells as Resolve answers them")

// vectors is the shape of vectors.json, which testdata/twin.test.ts reads too. Absent fields are false, empty, or the file's own
// day and notice.
type vectors struct {
	Day       int             `json:"day"`
	Notice    string          `json:"notice"`
	Resolve   []resolveVector `json:"resolve"`   // the rules, written by hand
	Scenarios []scenario      `json:"scenarios"` // what cells are asked
	Cells     []placesVector  `json:"cells"`     // every cell, written by -update; TestCells holds them to matrix.json
	Choices   []choiceVector  `json:"choices"`
}

type resolveVector struct {
	Name string `json:"name"`
	inputs
	Want resolveWanted `json:"want"`
}

type inputs struct {
	Day            *int       `json:"day,omitempty"`
	Notice         *string    `json:"notice,omitempty"`
	Place          string     `json:"place,omitempty"` // "DE", or "US-CA"
	MatrixVersion  *uint32    `json:"matrixVersion,omitempty"`
	SecGPC         bool       `json:"secGPC,omitempty"`
	JSGPC          bool       `json:"jsGPC,omitempty"`
	DNT            bool       `json:"dnt,omitempty"`
	Choice         *string    `json:"choice,omitempty"` // as the cookie has it, well-formed or not
	Unproven       bool       `json:"unproven,omitempty"`
	Age            string     `json:"age,omitempty"`
	ParentVerified bool       `json:"parentVerified,omitempty"`
	Site           siteVector `json:"site,omitzero"`
}

type siteVector struct {
	AnonymousCount    bool   `json:"anonymousCount,omitempty"`
	Exemption         bool   `json:"exemption,omitempty"`
	UnknownAfterGrant bool   `json:"unknownAfterGrant,omitempty"`
	AssumePlace       string `json:"assumePlace,omitempty"`
	Children          bool   `json:"children,omitempty"`
}

type resolveWanted struct {
	Granted        string         `json:"granted"`
	Undeclared     bool           `json:"undeclared,omitempty"`
	AnonymousCount bool           `json:"anonymousCount,omitempty"`
	Jurisdiction   string         `json:"jurisdiction,omitempty"` // absent in cells, whose places have rows of their own
	Prompt         consent.Prompt `json:"prompt,omitempty"`
	Links          string         `json:"links,omitempty"` // absent where a vector is not about them
	OptOutHonoured bool           `json:"optOutHonoured,omitempty"`
	Reasons        []string       `json:"reasons"`
}

// scenario is one question that every place is asked.
type scenario struct {
	Name string `json:"name"`
	inputs
}

// placesVector is what places with the same answers answer, by scenario.
type placesVector struct {
	Places []string                 `json:"places"`
	Want   map[string]resolveWanted `json:"want"`
}

type choiceVector struct {
	Name string        `json:"name"`
	Text string        `json:"text"`
	Want *choiceWanted `json:"want,omitempty"` // absent: malformed
}

type choiceWanted struct {
	Granted string `json:"granted"`
	GPC     bool   `json:"gpc,omitempty"`
	DNT     bool   `json:"dnt,omitempty"`
	Unsent  bool   `json:"unsent,omitempty"`
	OptOut  bool   `json:"optOut,omitempty"`
	Partial bool   `json:"partial,omitempty"`
	Day     int    `json:"day"`
	Notice  string `json:"notice"`
	Record  string `json:"record,omitempty"`
}

func TestResolveVectors(t *testing.T) {
	all := readVectors(t)
	for _, v := range all.Resolve {
		got := wantedOf(consent.Resolve(v.input(t, all)))
		if v.Want.Links == "" {
			got.Links = ""
		}
		if !reflect.DeepEqual(got, v.Want) {
			t.Errorf("%s: Resolve = %+v, want %+v", v.Name, got, v.Want)
		}
	}
}

// TestCellVectors asks every place every scenario. With -update it writes the answers down.
func TestCellVectors(t *testing.T) {
	all := readVectors(t)
	got := answerCells(t, all)
	if *update {
		all.Cells = got
		writeVectors(t, all)
		return
	}
	if len(all.Scenarios) < 15 || !reflect.DeepEqual(got, all.Cells) {
		t.Errorf("vectors.json: cells are not what Resolve answers; see the difference after go test -run CellVectors -update")
	}
}

func answerCells(t *testing.T, all vectors) (list []placesVector) {
	for _, row := range consent.BrowserRows() {
		for _, place := range row.Places {
			answers := map[string]resolveWanted{}
			for _, s := range all.Scenarios {
				s.inputs.Place = placeOfRow(place)
				want := wantedOf(consent.Resolve(s.input(t, all)))
				want.Jurisdiction = ""
				if s.Name != "default" {
					want.Links = ""
				}
				answers[s.Name] = want
			}
			i := slices.IndexFunc(list, func(v placesVector) bool { return reflect.DeepEqual(v.Want, answers) })
			if i < 0 {
				list, i = append(list, placesVector{Want: answers}), len(list)
			}
			list[i].Places = append(list[i].Places, place)
		}
	}
	return list
}

// placeOfRow returns a place for which the row of that name answers: none is called strictest, and XX has no row.
func placeOfRow(place string) string {
	switch place {
	case consent.Strictest:
		return ""
	case consent.Rest:
		return "XX"
	}
	return place
}

func TestParseChoiceVectors(t *testing.T) {
	for _, v := range readVectors(t).Choices {
		if v.Want == nil {
			continue
		}
		c, err := consent.ParseChoice(v.Text)
		if err != nil {
			t.Errorf("%s: ParseChoice(%q): %v", v.Name, v.Text, err)
			continue
		}
		if got := *wantedChoice(c); got != *v.Want {
			t.Errorf("%s: ParseChoice(%q) = %+v, want %+v", v.Name, v.Text, got, *v.Want)
		}
		if got := c.String(); got != v.Text {
			t.Errorf("%s: String() = %q, want %q", v.Name, got, v.Text)
		}
	}
}

func TestParseChoiceVectorsFailure(t *testing.T) {
	for _, v := range readVectors(t).Choices {
		if v.Want != nil {
			continue
		}
		if c, err := consent.ParseChoice(v.Text); err == nil || c != (consent.Choice{}) {
			t.Errorf("%s: ParseChoice(%q) = %+v, %v, want nothing and an error", v.Name, v.Text, c, err)
		}
	}
}

func readVectors(tb testing.TB) vectors {
	tb.Helper()
	text, err := os.ReadFile("vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all vectors
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // a misspelt field would silently test something else
	if err := decoder.Decode(&all); err != nil {
		tb.Fatalf("decode vectors.json: %v", err)
	}
	return all
}

// input is what a collector would hand to Resolve.
func (v *inputs) input(tb testing.TB, all vectors) consent.Input {
	tb.Helper()
	age, err := consent.ParseAge(v.Age)
	if err != nil {
		tb.Fatal(err)
	}
	in := consent.Input{
		Day: all.Day, Notice: all.Notice, MatrixVersion: consent.MatrixVersion,
		Place:  placeOf(v.Place),
		SecGPC: v.SecGPC, JSGPC: v.JSGPC, DNT: v.DNT, Unproven: v.Unproven,
		Age: age, ParentVerified: v.ParentVerified,
		Site: consent.Site{
			AnonymousCount: v.Site.AnonymousCount, Exemption: v.Site.Exemption, Children: v.Site.Children,
			UnknownAfterGrant: v.Site.UnknownAfterGrant, AssumePlace: placeOf(v.Site.AssumePlace),
		},
	}
	if v.Day != nil {
		in.Day = *v.Day
	}
	if v.Notice != nil {
		in.Notice = *v.Notice
	}
	if v.MatrixVersion != nil {
		in.MatrixVersion = *v.MatrixVersion
	}
	if v.Choice != nil && *v.Choice != "" {
		c, err := consent.ParseChoice(*v.Choice)
		if err != nil {
			c = consent.Unreadable()
		}
		in.Choice = &c
	}
	return in
}

func placeOf(text string) consent.Place {
	country, region, _ := strings.Cut(text, "-")
	return consent.Place{Country: country, Region: region}
}

func wantedOf(d consent.Decision) resolveWanted {
	return resolveWanted{
		d.Granted.String(), d.Undeclared, d.AnonymousCount, d.Jurisdiction, d.Prompt, d.Links.String(), d.OptOutHonoured,
		d.Reasons.Names(),
	}
}

// writeVectors keeps the file's form: one vector, scenario or answer a line.
func writeVectors(tb testing.TB, all vectors) {
	tb.Helper()
	var out bytes.Buffer
	line := func(before string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&out, "%s%s", before, text)
	}
	list := func(name string, n int, item func(i int)) {
		fmt.Fprintf(&out, ",\n  %q: [", name)
		for i := range n {
			out.WriteString([]string{"\n", ",\n"}[min(i, 1)])
			item(i)
		}
		out.WriteString("\n  ]")
	}
	line("{\n  \"day\": ", all.Day)
	line(",\n  \"notice\": ", all.Notice)
	list("resolve", len(all.Resolve), func(i int) { line("    ", all.Resolve[i]) })
	list("scenarios", len(all.Scenarios), func(i int) { line("    ", all.Scenarios[i]) })
	list("cells", len(all.Cells), func(i int) {
		line("    {\"places\": ", all.Cells[i].Places)
		for j, s := range all.Scenarios {
			line([]string{", \"want\": {\n      ", ",\n      "}[min(j, 1)], s.Name)
			line(": ", all.Cells[i].Want[s.Name])
		}
		out.WriteString("\n    }}")
	})
	list("choices", len(all.Choices), func(i int) { line("    ", all.Choices[i]) })
	out.WriteString("\n}\n")
	if err := os.WriteFile("vectors.json", out.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func wantedChoice(c consent.Choice) *choiceWanted {
	want := &choiceWanted{c.Granted.String(), c.GPC, c.DNT, c.Unsent, c.OptOut, c.Partial, c.Day, c.Notice, ""}
	if c.Sealed {
		want.Record = hex.EncodeToString(c.Record[:])
	}
	return want
}
