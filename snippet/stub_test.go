package snippet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"heed/consent"
	"heed/consent/classify"
	"heed/schemas"
)

// twinWall has services of every category, marked and not.
func twinWall() Site {
	s := largestSite()
	s.Wall = Wall{Strength: schemas.WallSealed, Hosts: []string{"https://img.example.com", "https://*.example.com"}}
	for _, category := range []consent.Categories{consent.Essential, consent.Functional, consent.Performance, consent.Advertising} {
		for _, marked := range []string{"", "marked-"} {
			id := marked + category.String()
			s.Wall.Services = append(s.Wall.Services, Service{
				ID: id, Category: category, Marked: marked != "", Hosts: []string{"https://" + id + ".test", "https://*." + id + ".test:8443/lib/"},
				Stores: []string{"_" + id, id + "_*"},
			})
		}
	}
	return s
}

// TestStubTwins holds the stub's policies and rules to those that recipes and the collector are made of.
func TestStubTwins(t *testing.T) {
	needNode(t)
	site := twinWall()
	type policyCase struct {
		Bits     consent.Categories `json:"bits"` // with those of stub.ts
		Services []string           `json:"services"`
		Want     string             `json:"want"`
	}
	type placeCase struct {
		Place string        `json:"place"`
		Want  consent.Rules `json:"want"`
	}
	var cases struct {
		Base     string       `json:"base"`
		Services [][]any      `json:"services"`
		Places   string       `json:"places"`
		Policies []policyCase `json:"policies"`
		Rules    []placeCase  `json:"rules"`
	}
	cases.Base, cases.Services, cases.Places = "default-src "+site.base(), site.stubServices(), site.stubPlaces()
	const undecided, open = 0x20, 0x40
	for granted := consent.Essential; granted <= consent.All; granted += 2 {
		for _, services := range [][]string{nil, {}, {"performance", "marked-advertising"}} {
			cases.Policies = append(cases.Policies,
				policyCase{granted, services, site.Policy(Permitted{Granted: granted, Services: services})},
				policyCase{granted | undecided, services, site.Policy(Permitted{Granted: granted, Services: services, Undecided: true})})
		}
	}
	cases.Policies = append(cases.Policies, policyCase{consent.All | open, nil, ""})
	const deciding = 0xffff0f3f // what BrowserPlaces keeps of rules
	for _, row := range consent.BrowserRows() {
		for _, place := range row.Places {
			switch place {
			case consent.Strictest:
				place = ""
			case consent.Rest:
				place = "VA"
			}
			cases.Rules = append(cases.Rules, placeCase{place, row.Rules & deciding})
		}
	}
	text, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	file := filepath.Join(out, "cases.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{"testdata/stub.test.ts"}, Bundle: true, Write: true, Outdir: out, OutExtension: map[string]string{".js": ".mjs"},
		Platform: api.PlatformNode, Format: api.FormatESModule, Target: api.ES2020, LogLevel: api.LogLevelSilent,
	})
	if len(built.Errors) > 0 {
		t.Fatal(messages(built.Errors))
	}
	runNode(t, filepath.Join(out, "stub.test.mjs"), "HEED_CASES="+file)
}

// TestKnownNames holds the names that are swept, and those that are spared, to what package classify says of them.
func TestKnownNames(t *testing.T) {
	text, err := sources.ReadFile("src/wall/names.ts")
	if err != nil {
		t.Fatal(err)
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(list string, allowed ...consent.Categories) {
		t.Helper()
		_, rest, ok := strings.Cut(string(text), "export const "+list+" =")
		if !ok {
			t.Fatalf("names.ts has no list %s", list)
		}
		for _, part := range strings.Split(strings.SplitN(rest, "\n\n", 2)[0], "'") {
			for _, name := range strings.Fields(part) {
				if name == "+" {
					continue
				}
				verdict := classifier.Classify(classify.Cookie{Name: strings.ReplaceAll(name, "*", "AB12CD34EF"), Domain: "shop.example", FirstParty: "shop.example"})
				if !allowedClass(verdict.Class, allowed) {
					t.Errorf("Classify(%q) = %v, want one of %v", name, verdict.Class, allowed)
				}
			}
		}
	}
	f("trackers", consent.Performance, consent.Advertising)
	f("essentials", consent.Essential)
}

func allowedClass(class consent.Categories, allowed []consent.Categories) bool {
	for _, c := range allowed {
		if c == class {
			return true
		}
	}
	return false
}
