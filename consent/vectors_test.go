package consent_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"heed/consent"
)

// vectors is the shape of vectors.json, which testdata/twin.test.ts reads too. Absent fields are false, empty, or the file's own
// day and notice.
type vectors struct {
	Day     int             `json:"day"`
	Notice  string          `json:"notice"`
	Resolve []resolveVector `json:"resolve"`
	Choices []choiceVector  `json:"choices"`
}

type resolveVector struct {
	Name          string        `json:"name"`
	Day           *int          `json:"day,omitempty"`
	Notice        *string       `json:"notice,omitempty"`
	Place         placeVector   `json:"place,omitzero"`
	MatrixVersion *uint32       `json:"matrixVersion,omitempty"`
	SecGPC        bool          `json:"secGPC,omitempty"`
	JSGPC         bool          `json:"jsGPC,omitempty"`
	DNT           bool          `json:"dnt,omitempty"`
	Choice        *string       `json:"choice,omitempty"` // as the cookie has it, well-formed or not
	Site          siteVector    `json:"site,omitzero"`
	Want          resolveWanted `json:"want"`
}

type placeVector struct {
	Country string `json:"country,omitempty"`
	Region  string `json:"region,omitempty"`
}

type siteVector struct {
	AnonymousCount bool `json:"anonymousCount,omitempty"`
	Exemption      bool `json:"exemption,omitempty"`
}

type resolveWanted struct {
	Granted        string           `json:"granted"`
	AnonymousCount bool             `json:"anonymousCount,omitempty"`
	Jurisdiction   string           `json:"jurisdiction"`
	Prompt         consent.Prompt   `json:"prompt,omitempty"`
	Reasons        []consent.Reason `json:"reasons"`
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
	Day     int    `json:"day"`
	Notice  string `json:"notice"`
	Record  string `json:"record,omitempty"`
}

func TestResolveVectors(t *testing.T) {
	all := readVectors(t)
	for _, v := range all.Resolve {
		got := wantedOf(consent.Resolve(v.input(t, all)))
		if !reflect.DeepEqual(got, v.Want) {
			t.Errorf("%s: Resolve = %+v, want %+v", v.Name, got, v.Want)
		}
	}
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

// input is what the collector would hand to Resolve: a malformed choice counts as none.
func (v *resolveVector) input(tb testing.TB, all vectors) consent.Input {
	tb.Helper()
	in := consent.Input{
		Day: all.Day, Notice: all.Notice, MatrixVersion: consent.MatrixVersion,
		Place:  consent.Place(v.Place),
		SecGPC: v.SecGPC, JSGPC: v.JSGPC, DNT: v.DNT,
		Site: consent.Site(v.Site),
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
	if v.Choice != nil {
		if c, err := consent.ParseChoice(*v.Choice); err == nil {
			in.Choice = &c
		}
	}
	return in
}

func wantedOf(d consent.Decision) resolveWanted {
	return resolveWanted{d.Granted.String(), d.AnonymousCount, d.Jurisdiction, d.Prompt, d.Reasons}
}

func wantedChoice(c consent.Choice) *choiceWanted {
	want := &choiceWanted{c.Granted.String(), c.GPC, c.DNT, c.Unsent, c.Day, c.Notice, ""}
	if c.Sealed {
		want.Record = hex.EncodeToString(c.Record[:])
	}
	return want
}
