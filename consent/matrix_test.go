package consent

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReadMatrixFailure damages the file in every way in which a hand that edits it might.
func TestReadMatrixFailure(t *testing.T) {
	f := func(old, new, want string) {
		t.Helper()
		if !bytes.Contains(matrixJSON, []byte(old)) {
			t.Fatalf("matrix.json does not contain %q", old)
		}
		_, err := readMatrix(bytes.Replace(matrixJSON, []byte(old), []byte(new), 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readMatrix with %q for %q: error %v, want one with %q", new, old, err, want)
		}
	}
	f(`"version": 2`, `"version": 3`, "version 3, want 2")
	f(`"value": "denied"`, `"value": "granted?"`, `unknown value "granted?"`)
	f(`"value": "denied"`, `"valeu": "denied"`, `unknown field "valeu"`)
	f(`"value": 182`, `"value": 0`, "0 days, want 1 to 1023")
	f(`"value": 182`, `"value": 1024`, "1024 days, want 1 to 1023")
	f(`["cookie_settings", "privacy_policy", "vendor_list"]`, `["a_link"]`, `unknown link "a_link"`)
	f(`["cookie_settings", "privacy_policy", "vendor_list"]`, `[]`, "no link")
	f(`"sources": ["epd", "gdpr", "edpb-2-2023"]`, `"sources": []`, "column performance has no answer, or no source")
	f(`"sources": ["epd", "gdpr", "edpb-2-2023"]`, `"sources": ["gdrp"]`, `there is no source "gdrp"`)
	f(`"class": "eea", "places": ["CH"]`, `"class": "efta", "places": ["CH"]`, `row CH: there is no class "efta"`)
	f(`"places": ["FR"]`, `"places": ["AT"]`, "place AT has another row: EEA")
	f(`"places": ["US-WY"]`, `"places": ["US-ZZ"]`, "place US-ZZ: the region has 0 names, want 1")
	f(`"places": ["US-WY"]`, `"places": []`, "region US-WY has no row")
	f(`"places": ["FR"]`, `"places": ["US"]`, "country US has regions and a row of its own")
	f(`"exemption": true, "sources": ["nl-tw", "heed-exemption"], "check": "the conditions are to be read in the law"`,
		`"sources": ["nl-tw"]}, "gpc": {"value": "refusal", "exemption": true, "sources": ["heed-signals"]`, "only a count that needs")
	f(`"id": "rest"`, `"id": "rset"`, "rows rest and strictest are missing")
	f(`"name": "France"`, `"name": ""`, "id or name is empty")
	f(`{`, `[`, "invalid character")
}

// Every name of a region that occurs in the geo data has a row of its own, and every row can be reached by one.
func TestRegionsOfTheGeoData(t *testing.T) {
	text, err := os.ReadFile("testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(text)) {
		country, name, ok := strings.Cut(strings.TrimSpace(line), "|")
		if !ok {
			continue // the heading
		}
		r, reason := matrixInForce.find(MatrixVersion, Place{country, name})
		if reason != 0 || r.merged {
			t.Errorf("find(%s, %s) = row %s for the reason %s, want a row of its own", country, name, r.id, reason)
		}
		found[country]++
	}
	for country, codes := range matrixInForce.codes {
		if found[country] != len(codes) {
			t.Errorf("the geo data names %d regions of %s, the matrix %d", found[country], country, len(codes))
		}
	}
}

func TestFind(t *testing.T) {
	f := func(version uint32, place Place, want string, reason Reasons) {
		t.Helper()
		if r, why := matrixInForce.find(version, place); r.id != want || why != reason {
			t.Errorf("find(%d, %+v) = %s, %s, want %s, %s", version, place, r.id, why, want, reason)
		}
	}
	f(MatrixVersion, Place{"US", "California"}, "US-CA", 0)
	f(MatrixVersion, Place{"US", "CA"}, "US-CA", 0)
	f(MatrixVersion, Place{"US", "california"}, "US", RegionUnknown)
	f(MatrixVersion, Place{"US", ""}, "US", RegionUnknown)
	f(MatrixVersion, Place{"CA", "Québec"}, "CA", RegionUnknown)
	f(MatrixVersion, Place{"CA", "Quebec"}, "CA-QC", 0)
	f(MatrixVersion, Place{"DE", "California"}, "EEA", 0)
	f(MatrixVersion, Place{"us", "California"}, Rest, CountryUnknown)
	f(MatrixVersion, Place{"PR", ""}, Rest, CountryUnknown)
	f(MatrixVersion, Place{"", "California"}, Strictest, PlaceUnknown)
	f(MatrixVersion-1, Place{"US", "California"}, Strictest, OtherMatrix)
	f(MatrixVersion+1, Place{"US", "California"}, Strictest, OtherMatrix)
	f(0, Place{}, Strictest, OtherMatrix)
}

// No place is stricter than an unknown one before a choice, and none gives a choice less time.
func TestStrictestIsStrictest(t *testing.T) {
	s := matrixInForce.strictest
	for _, r := range matrixInForce.inOrder {
		if s.base&^r.base != 0 || s.count > r.count || s.prompt < r.prompt || s.days > r.days || s.parental && !r.parental ||
			r.gpc.denies&^s.gpc.denies != 0 || r.dnt.denies&^s.dnt.denies != 0 {
			t.Errorf("row %s is stricter than %s", r.id, s.id)
		}
	}
	if s.days != ChoiceDays {
		t.Errorf("ChoiceDays = %d, want %d of the strictest row", ChoiceDays, s.days)
	}
	if rest, eea := matrixInForce.rest, matrixInForce.rows[Place{Country: "AT"}]; rest.rules() != eea.rules() || rest.links != eea.links {
		t.Errorf("the rest is %b, want it as the EEA, %b", rest.rules(), eea.rules())
	}
}

// A row that is stricter in each column never grants more: the property by which column by column the strictest of
// several rows is a safe answer.
func TestStricterRowNeverGrantsMore(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	flip := func() bool { return random.IntN(2) == 0 }
	draw := func() row {
		return row{
			base: Essential | Categories(random.Uint32())&All, count: countRule(random.IntN(3)), prompt: uint8(random.IntN(4)),
			gpc:   signalRule{Advertising, flip()},
			dnt:   signalRule{Advertising | Categories(random.Uint32())&Performance, flip()},
			links: 1, days: 182 + random.IntN(2)*183, parental: flip(),
		}
	}
	for range 100_000 {
		loose := draw()
		strict := stricter(loose, draw())
		in := Input{
			Day: 20_000, Notice: "c0ffee01", SecGPC: flip(), JSGPC: flip(), DNT: flip(), Unproven: flip(),
			ParentVerified: flip(), Age: Age(random.IntN(8) / 7),
			Site: Site{AnonymousCount: flip(), Exemption: flip(), UnknownAfterGrant: flip()},
		}
		if flip() {
			in.Choice = &Choice{
				Granted: Categories(random.Uint32()), GPC: flip(), DNT: flip(), OptOut: flip(), Notice: "c0ffee01",
				Day: in.Day - random.IntN(400),
			}
		}
		got, limit := decide(&strict, &in), decide(&loose, &in)
		if got.Granted&^limit.Granted != 0 || got.Undeclared && !limit.Undeclared ||
			got.AnonymousCount && !limit.AnonymousCount && !limit.Granted.Has(Performance) {
			t.Fatalf("decide(%+v, %+v)\n= %+v\nunder a stricter row, want at most\n%+v\nunder %+v; choice %+v",
				strict, in, got, limit, loose, in.Choice)
		}
	}
}

func TestTells(t *testing.T) {
	f := func(g Geo, want ...string) {
		t.Helper()
		got := Tells(g)
		if len(got) != len(want) {
			t.Fatalf("Tells(%+v) = %q, want %d sentences", g, got, len(want))
		}
		for i, part := range want {
			if !strings.Contains(got[i], part) {
				t.Errorf("Tells(%+v)[%d] = %q, want it to contain %q", g, i, got[i], part)
			}
		}
	}
	f(Geo{Countries: true, Regions: true})
	f(Geo{Countries: true}, "in CA it cannot tell apart the rows CA-rest CA-QC, and", "in US it cannot tell apart the rows US-AK US-AL")
	f(Geo{}, `every visitor is decided for by the row "strictest"; a file with regions`)
	f(Geo{Regions: true}, "names no countries")
}

// An exemption is known in five members of the EEA; where else one would be needed, the owner's word stands alone.
func TestExemptions(t *testing.T) {
	known, unknown := Exemptions()
	if got := strings.Join(known, " "); got != "FR NL ES IT LU" {
		t.Errorf("Exemptions() knows those of %s, want FR NL ES IT LU", got)
	}
	for _, id := range []string{"EEA", "IE", "CH", "IN", Rest, Strictest} {
		if !slices.Contains(unknown, id) {
			t.Errorf("Exemptions() finds none unknown for %s: %s", id, unknown)
		}
	}
	for _, id := range append(known, unknown...) {
		if id == "UK" || strings.HasPrefix(id, "US") {
			t.Errorf("Exemptions() names %s, where none is needed", id)
		}
	}
}

// Who is somewhere in the United States is told of California, somewhere in Canada of Quebec, where these are strictest.
func TestExplainMergedRows(t *testing.T) {
	f := func(country string, column Column, want string) {
		t.Helper()
		e := Explain(Input{MatrixVersion: MatrixVersion, Place: Place{Country: country}})
		for _, cell := range e.Row.Cells {
			if cell.Column == column && cell.From != want {
				t.Errorf("in %s column %s is from %s, want %s", country, column, cell.From, want)
			}
		}
	}
	f("US", ColumnAdvertising, "US-CA")
	f("US", ColumnGPC, "US-CA")
	f("CA", ColumnPerformance, "CA-QC")
	f("CA", ColumnGPC, "CA-rest")
	f("CA", ColumnDNT, "CA-QC,CA-rest")
}

// Every reason has a name and words, and every answer of a merged row comes with its sources.
func TestExplainKnowsEveryReason(t *testing.T) {
	if len(reasonNames) != len(reasonTexts) || OtherMatrix != 1<<(len(reasonNames)-1) {
		t.Fatalf("%d names, %d texts for the reasons up to %b", len(reasonNames), len(reasonTexts), OtherMatrix)
	}
	for _, r := range matrixInForce.inOrder {
		if len(r.told.Cells) != len(columns) {
			t.Fatalf("row %s tells %d cells, want %d", r.id, len(r.told.Cells), len(columns))
		}
		for i, cell := range r.told.Cells {
			if cell.Column != columns[i] || cell.Value == "" || len(cell.Sources) == 0 || r.merged != (cell.From != "") {
				t.Errorf("row %s, column %s = %+v, want an answer with sources", r.id, columns[i], cell)
			}
		}
	}
}

// matrixSums pins what each version says: whoever changes an answer gives the matrix a new version, since stored events
// name the version that they were decided by.
var matrixSums = map[uint32]string{2: "396d2a65"}

func TestMatrixVersionIsPinned(t *testing.T) {
	var answers bytes.Buffer
	for _, r := range matrixInForce.inOrder {
		answers.WriteString(r.id)
		for _, cell := range r.told.Cells {
			answers.WriteString(" " + cell.Value)
		}
		answers.WriteString("\n")
	}
	if got := NoticeID(answers.Bytes()); got != matrixSums[MatrixVersion] {
		t.Errorf("the answers of matrix %d have the sum %s, want %q: change MatrixVersion with them", MatrixVersion, got, matrixSums[MatrixVersion])
	}
}
