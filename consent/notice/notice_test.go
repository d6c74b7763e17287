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
	f("purpose.essential.text", "Your answer: Remembering", "Kept for at most 2230 days.", "In your browser for at most 365 days")
	f("purpose.functional.text", "Directions Kept for at most 30 days.")
	f("map.text", "Map Co (US) https://map.example/privacy\nIn your browser for at most 7 days")
	f("purpose.performance.text", "Visits: The pages you see", "Attention: ", "Forms: ", "Actions: ", "806 days", "at most 395 days")
	f("purpose.advertising.text", "Clicks on advertisements", "Nothing in your browser after this visit")
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
// TestStoresAreNamed: what a service keeps is named behind for how long, in each language as its lists are written, as far as
// anybody reads.
func TestStoresAreNamed(t *testing.T) {
	site := someSite()
	f := func(stores []string, locale, want string) {
		t.Helper()
		site.Stores = map[string][]string{"map": stores}
		text := textOf(pick(t, mustBuild(t, site), OptIn, locale), "map.text")
		if got := text[strings.LastIndexByte(text, '\n')+1:]; got != want {
			t.Errorf("%s names %.200q, want %.200q", locale, got, want)
		}
	}
	f([]string{"map_zoom", "map_*"}, "en", "map_zoom, map_*")
	f([]string{"map_zoom", "map_*"}, "ja", "map_zoom、map_*")
	f(nil, "en", "In your browser for at most 7 days")
	long := strings.Repeat("n", 120)
	f(slices.Repeat([]string{long}, 100), "en", strings.Repeat(long+", ", 8)+"…")
}

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
	if got := textOf(pick(t, mustBuild(t, someSite()), OptIn, "en"), "purpose.functional.text"); strings.Contains(got, "Store map") {
		t.Errorf("purpose.functional.text = %q speaks of a service that has a box of its own", got)
	}
	if body := textOf(n, "body"); strings.Contains(body, "counted") {
		t.Errorf("body = %q speaks of a count that there is none of", body)
	}
	site.CountsAnonymously = true
	if body := textOf(pick(t, mustBuild(t, site), OptIn, "en"), "body"); !strings.Contains(body, "page views are counted") {
		t.Errorf("body = %q, want it to say that page views are counted", body)
	}
	site.Material.Purposes, site.Material.Services = OwnPurposes(Features{}, 806, []string{"DE"})[:1], OwnServices(Features{})[:1]
	if body := textOf(pick(t, mustBuild(t, site), OptIn, "en"), "body"); !strings.Contains(body, "for: Essential.") {
		t.Errorf("body = %q, want it to say what for where nothing has to be asked", body)
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

// A list is written as its language writes lists.
func TestLists(t *testing.T) {
	built := mustBuild(t, someSite())
	f := func(locale, comma string) {
		t.Helper()
		if body := textOf(pick(t, built, OptIn, locale), "body"); strings.Count(body, comma) < 2 {
			t.Errorf("body in %s = %q, want three purposes with %q between them", locale, body, comma)
		}
	}
	f("el", ", ")
	f("ja", "、")
	f("ar", "، ")
}

// Yes and no weigh the same: the style knows no button from another.
func TestButtonsLookAlike(t *testing.T) {
	for _, selector := range []string{"#", "accept", "reject", "optout", "nth-", "first-", "last-", "[data-"} {
		if strings.Contains(css, selector) {
			t.Errorf("notice.css tells buttons apart by %q", selector)
		}
	}
}

func TestCheckAccentFailure(t *testing.T) {
	f := func(accent, theme, want string) {
		t.Helper()
		if err := CheckAccent(accent, theme); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckAccent(%q, %q) = %v, want an error with %q", accent, theme, err, want)
		}
	}
	f("red", "light", "no colour of the form #2347c5")
	f("#12345", "light", "no colour of the form #2347c5")
	f("#-12345", "light", "no colour of the form #2347c5")
	f("#ffcc00", "light", "its contrast to the notice's ground, #ffffff, is 1.51 and must be 4.5; #8a720f is the nearest that has it")
	f("#fc0", "auto", "is 1.51")
	f("#2347c5", "dark", "#1b1d22")
}

// Every accent that is taken can be read, in each theme and also where the dark one is made from it.
func TestAccentsCanBeRead(t *testing.T) {
	for _, p := range []palette{light, dark} {
		for name, c := range map[string]colour{"ink": p.ink, "soft": p.soft, "accent": p.accent} {
			if got := contrast(c, p.surface); got < minContrast {
				t.Errorf("%s of %s has a contrast of %.2f to its ground, want %.1f", name, p.scheme, got, minContrast)
			}
		}
		if got := contrast(p.edge, p.surface); got < 3 {
			t.Errorf("edges of %s have a contrast of %.2f to their ground, want 3", p.scheme, got)
		}
		if got := contrast(p.ink, p.tint); got < minContrast {
			t.Errorf("words on the tint of %s have a contrast of %.2f, want %.1f", p.scheme, got, minContrast)
		}
	}
	for c := colour(0); c <= 0xffffff; c += 0x010307 {
		if got := contrast(c.readable(dark.surface, dark.ink), dark.surface); got < minContrast {
			t.Fatalf("%s made readable has a contrast of %.2f, want %.1f", c, got, minContrast)
		}
		if CheckAccent(c.String(), "auto") == nil && contrast(c, light.surface) < minContrast {
			t.Fatalf("CheckAccent takes %s, which cannot be read", c)
		}
	}
}

// What an owner chooses is in the archive, and everything else is as it was.
func TestStyleIsArchived(t *testing.T) {
	site := someSite()
	before := pick(t, mustBuild(t, site), OptIn, "en").Look
	site.Style = Style{Theme: "dark", Accent: "#8ab4f8", Corners: 3, Position: "bottom-end", Button: "start"}
	after := pick(t, mustBuild(t, site), OptIn, "en").Look
	for _, want := range []string{"--accent:#8ab4f8", "--corners:3px", "--surface:#1b1d22"} {
		if !strings.Contains(after.CSS, want) {
			t.Errorf("the style has no %s", want)
		}
	}
	if strings.Contains(after.CSS, "prefers-color-scheme") || !strings.Contains(before.CSS, "prefers-color-scheme: dark") {
		t.Error("a theme of the owner's follows the visitor's system, or the default does not")
	}
	after.CSS = before.CSS
	if !reflect.DeepEqual(before, after) {
		t.Error("a style changes what is said")
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
