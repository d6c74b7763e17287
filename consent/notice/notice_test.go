package notice

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"heed/consent/record"
)

// someSite declares a map of another company beside Heed's own part, in no order.
func someSite() Site {
	all := Features{Engagement: true, Forms: true}
	return Site{
		ID: "shop", Policy: "https://shop.example/privacy",
		Material: record.Material{
			Controller: record.Controller{Name: "Shop GmbH", Contact: "privacy@shop.example", Country: "DE", Officer: "Ann Example"},
			Purposes: append(OwnPurposes(all, 806, []string{"IE", "DE", "IE"}),
				record.Purpose{ID: "directions", Category: "functional", Data: []string{"view", "address"}, RetentionDays: 30, Locations: []string{"US"}}),
			Services: append(OwnServices(all),
				record.Service{ID: "map", Category: "functional", Recipient: "mapco", Purposes: []string{"directions"}, LifetimeDays: 7}),
			Recipients: []record.Recipient{
				{ID: "mapco", Name: "Map Co", Country: "US", Policy: "https://map.example/privacy"},
				{ID: Self, Name: "Shop GmbH", Country: "DE", Policy: "https://shop.example/privacy"},
			},
		},
		Names: map[string]string{"map": "Store map", "directions": "Directions"},
	}
}

func mustBuild(t testing.TB, site Site) []Built {
	t.Helper()
	built, err := Build(site)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// pick returns the notice of a layout and locale.
func pick(t testing.TB, built []Built, layout, locale string) *record.Notice {
	t.Helper()
	for _, b := range built {
		if b.Notice.Layout == layout && b.Notice.Locale == locale {
			return b.Notice
		}
	}
	t.Fatalf("there is no notice %s in %s", layout, locale)
	return nil
}

func textOf(n *record.Notice, id string) string {
	for _, text := range n.Look.Texts {
		if text.ID == id {
			return text.Text
		}
	}
	return ""
}

// promised are the official languages of the EU, and ten more.
const promised = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv" + " ar he hi is ja ko nb tr uk zh"

// TestTextsAreComplete holds every language to English: the same ids, words in each, the same places to fill in.
func TestTextsAreComplete(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]*\}`)
	places := func(text string) []string {
		found := place.FindAllString(text, -1)
		slices.Sort(found)
		return found
	}
	for _, locale := range Locales() {
		checkFile(t, locale)
		for _, id := range TextIDs() {
			text := library[locale][id]
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %s = %q, want words without spaces around them", locale, id, text)
			}
			if got, want := places(text), places(library[fallback][id]); !slices.Equal(got, want) {
				t.Errorf("%s: %s fills in %q, want %q", locale, id, got, want)
			}
			if got, want := strings.Count(text, "\n"), strings.Count(library[fallback][id], "\n"); got != want {
				t.Errorf("%s: %s breaks its line %d times, want %d", locale, id, got, want)
			}
		}
		if got := len(library[locale]); got != len(TextIDs()) {
			t.Errorf("%s has %d texts, want %d", locale, got, len(TextIDs()))
		}
	}
	for _, locale := range strings.Fields(promised) {
		if library[locale] == nil {
			t.Errorf("there are no texts in %s", locale)
		}
	}
}

// checkFile wants each id once: a JSON object may hold it twice, and the second would win unseen.
func checkFile(t *testing.T, locale string) {
	t.Helper()
	data, err := files.ReadFile("texts/" + locale + ".json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	for i := -1; ; i++ {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		if id, ok := token.(string); ok && i%2 == 0 {
			if seen[id] {
				t.Errorf("%s: %s stands twice", locale, id)
			}
			seen[id] = true
		}
	}
}

// Each layout is there in each locale, under one id, as the archive opens it again.
func TestBuild(t *testing.T) {
	built := mustBuild(t, someSite())
	if want := 3 * len(Locales()); len(built) != want {
		t.Fatalf("Build made %d notices, want %d", len(built), want)
	}
	shown := map[record.Hash]bool{}
	for _, b := range built {
		got, err := record.OpenNotice(b.Text, b.Ref)
		if err != nil || !reflect.DeepEqual(got, b.Notice) {
			t.Errorf("%s in %s does not survive the archive: %v", b.Notice.Layout, b.Notice.Locale, err)
		}
		if b.Ref.ID != built[0].Ref.ID || b.Ref.Material != built[0].Ref.Material || shown[b.Ref.Shown] {
			t.Errorf("%s in %s is %+v, want the id and material of the others and a shown_hash of its own", b.Notice.Layout, b.Notice.Locale, b.Ref)
		}
		shown[b.Ref.Shown] = true
		for _, text := range b.Notice.Look.Texts {
			if strings.ContainsAny(text.Text, "{}") || text.Text == "" {
				t.Errorf("%s in %s: %s = %q, want words with nothing left to fill in", b.Notice.Layout, b.Notice.Locale, text.ID, text.Text)
			}
		}
	}
	again := mustBuild(t, someSite())
	for i := range built {
		if !bytes.Equal(built[i].Text, again[i].Text) {
			t.Errorf("two builds of one site differ in %s, %s", built[i].Notice.Layout, built[i].Notice.Locale)
		}
	}
}

// What a visitor can read: who asks, what for, with whom, how long, and both ways out.
func TestWhatIsSaid(t *testing.T) {
	n := pick(t, mustBuild(t, someSite()), OptIn, "en")
	f := func(id string, want ...string) {
		t.Helper()
		for _, part := range want {
			if got := textOf(n, id); !strings.Contains(got, part) {
				t.Errorf("%s = %q, want it to contain %q", id, got, part)
			}
		}
	}
	f("body", "Shop GmbH", "for: Functional, Measuring, Advertising.", "privacy@shop.example, Ann Example", "at most 365 days")
	f("purpose.essential.text", "Your answer: Remembering", "Kept for at most 2190 days.", "in your browser for at most 365 days")
	f("purpose.functional.text", "Directions Kept for at most 30 days.", "Store map – Map Co (US), https://map.example/privacy; in your browser for at most 7 days")
	f("purpose.performance.text", "Visits: The pages you see", "Attention: ", "Forms: ", "Actions: ", "806 days", "at most 395 days")
	f("purpose.advertising.text", "Clicks on advertisements", "nothing in your browser after this visit")
	f("policy.url", "https://shop.example/privacy")
	f("map", "Store map")
	f("visits", "Visits")
	f("receipt", "Your receipt")
	var ids []string
	for _, button := range n.Look.Buttons {
		ids = append(ids, button.ID+"="+button.Action)
	}
	if got, want := strings.Join(ids, " "), "accept=accept reject=reject choose=choose save=save close=close"; got != want {
		t.Errorf("buttons = %s, want %s", got, want)
	}
}

// What nobody does is not asked for, and what is not true is not said.
func TestWhatIsNotSaid(t *testing.T) {
	site := someSite()
	site.Policy = ""
	site.Material.Purposes = OwnPurposes(Features{}, 806, []string{"DE"})
	site.Material.Services = OwnServices(Features{})
	n := pick(t, mustBuild(t, site), OptIn, "en")
	for _, id := range []string{"purpose.functional", "purpose.functional.text", "policy", "policy.url", "forms", "engagement"} {
		if got := textOf(n, id); got != "" {
			t.Errorf("%s = %q, want it left out", id, got)
		}
	}
	if body := textOf(n, "body"); strings.Contains(body, "counted") {
		t.Errorf("body = %q speaks of a count that there is none of", body)
	}
	site.CountsAnonymously = true
	if body := textOf(pick(t, mustBuild(t, site), OptIn, "en"), "body"); !strings.Contains(body, "page views are counted") {
		t.Errorf("body = %q, want it to say that page views are counted", body)
	}
}

// An owner's words change what is shown and leave the material, so that nobody is asked again for a comma.
func TestOwnWords(t *testing.T) {
	before := mustBuild(t, someSite())
	site := someSite()
	site.Texts = map[string]map[string]string{"de": {
		"opt_in.title": "Darf {controller}?", "map": "Karte", "directions.text": "Wegbeschreibung.",
	}}
	after := mustBuild(t, site)
	n := pick(t, after, OptIn, "de")
	for id, want := range map[string]string{"title": "Darf Shop GmbH?", "map": "Karte"} {
		if got := textOf(n, id); got != want {
			t.Errorf("%s = %q, want %q", id, got, want)
		}
	}
	if got, want := textOf(n, "purpose.functional.text"), "Directions: Wegbeschreibung. Aufbewahrt"; !strings.Contains(got, want) {
		t.Errorf("purpose.functional.text = %q, want it to contain %q", got, want)
	}
	if got := textOf(pick(t, after, OptIn, "en"), "map"); got != "Store map" {
		t.Errorf("map in English = %q, want the name that holds everywhere", got)
	}
	if before[0].Ref.Material != after[0].Ref.Material {
		t.Error("other words made other material: everybody would be asked again")
	}
}

// A locale that Heed does not speak is taken from an owner who says everything in it, and refused from any other.
func TestLocaleOfTheOwner(t *testing.T) {
	site := someSite()
	site.Locales = []string{"tlh", "en"}
	if _, err := Build(site); err == nil || !strings.Contains(err.Error(), "has no words in tlh") {
		t.Fatalf("Build in tlh = %v, want an error that names the text and the locale", err)
	}
	words := map[string]string{}
	for _, id := range TextIDs() {
		words[id] = "tlh " + library[fallback][id]
	}
	site.Texts = map[string]map[string]string{"tlh": words}
	built := mustBuild(t, site)
	if len(built) != 6 || textOf(pick(t, built, Inform, "tlh"), "title") != "tlh "+library[fallback]["notice.title"] {
		t.Errorf("Build in tlh and en made %d notices, want 6 with the owner's words", len(built))
	}
}

// Yes and no weigh the same: the style knows no button from another.
func TestButtonsLookAlike(t *testing.T) {
	for _, selector := range []string{"#", "accept", "reject", "optout", "nth-", "first", "last", "data-"} {
		if strings.Contains(css, selector) {
			t.Errorf("notice.css tells buttons apart by %q", selector)
		}
	}
}

func TestBuildFailure(t *testing.T) {
	f := func(name string, change func(*Site), want string) {
		t.Helper()
		site := someSite()
		change(&site)
		if _, err := Build(site); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build with %s = %v, want an error with %q", name, err, want)
		}
	}
	f("a recipient that there is not", func(s *Site) { s.Material.Recipients = s.Material.Recipients[:1] }, "not one of the recipients")
	f("two purposes of one id", func(s *Site) { s.Material.Purposes = append(s.Material.Purposes, s.Material.Purposes[0]) }, "each once")
	f("nobody who asks", func(s *Site) { s.Material.Controller.Name = "" }, "material.controller.name")
}
