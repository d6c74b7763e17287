package notice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"heed/consent"
	"heed/consent/record"
)

// The layouts: one for each kind of prompt, with its name.
const (
	OptIn  = string(consent.OptInPrompt)
	OptOut = string(consent.OptOutPrompt)
	Inform = string(consent.NoticePrompt)
)

// layouts holds the buttons of each layout, in the order in which they stand. Their texts are button.<id>.
var layouts = []struct {
	name    string
	buttons []record.Button
}{
	{OptIn, []record.Button{
		{ID: "accept", Action: "accept"}, {ID: "reject", Action: "reject"}, {ID: "choose", Action: "choose"},
		{ID: "save", Action: "save"}, {ID: "close", Action: "close"},
	}},
	{OptOut, []record.Button{
		{ID: "ok", Action: "close"}, {ID: "optout", Action: "reject"}, {ID: "choose", Action: "choose"},
		{ID: "save", Action: "save"}, {ID: "close", Action: "close"},
	}},
	{Inform, []record.Button{
		{ID: "ok", Action: "close"}, {ID: "choose", Action: "choose"}, {ID: "save", Action: "save"},
		{ID: "close", Action: "close"}, // of the second layer: an OK beside what was just unticked would keep what was granted
	}},
}

// edition is counted up when something is said anew that the texts and the style do not show.
const edition = "2"

// Site is what the notices of one site are made of.
type Site struct {
	ID string
	// Material is who asks for what: see OwnPurposes and OwnServices for Heed's part of it. Build puts its lists in order
	// and fills in version, kind and days.
	Material record.Material
	// Names of purposes and services by their ids, in every locale that has no text of its own for them.
	Names map[string]string
	// Stores are the names of the cookies and storage keys of services, by their ids; a * stands for any text.
	Stores map[string][]string
	// Policy is the URL of the privacy policy, "" without one.
	Policy string
	// CountsAnonymously says that page views are counted without consent where that is allowed.
	CountsAnonymously bool
	// Locales, the first of which is the one for everybody else; nil means all that Heed has.
	Locales []string
	// Texts in place of Heed's, by locale and id: each id of TextIDs, and for each purpose and service its own id for its
	// name and <id>.text for what it does.
	Texts map[string]map[string]string
	Style Style
}

// Built is one notice, with its place in the archive.
type Built struct {
	Notice *record.Notice
	record.Archived
}

// Build makes the notices of a site: for each of the three layouts one in each locale. They share one Material, hence one
// id. The same Site gives the same bytes.
func Build(site Site) ([]Built, error) {
	locales := site.Locales
	if locales == nil {
		locales = Locales()
	}
	material := completed(site.Material)
	var built []Built
	for _, layout := range layouts {
		for _, locale := range locales {
			w, err := newWording(&site, locale)
			if err != nil {
				return nil, fmt.Errorf("notices of %s: %w", site.ID, err)
			}
			n := &record.Notice{
				Version: record.Version, Kind: record.NoticeKind, Site: site.ID, Layout: layout.name, Locale: locale, Edition: edition,
				Material: material, Look: record.Look{Texts: w.texts(layout.name, &material), Buttons: w.buttons(layout.buttons), CSS: site.Style.css()},
			}
			archived, err := n.Archive()
			if err != nil {
				return nil, fmt.Errorf("notices of %s, %s in %s: %w", site.ID, layout.name, locale, err)
			}
			built = append(built, Built{n, archived})
		}
	}
	return built, nil
}

// completed returns m in the one order and form that an archive keeps. The caller's lists stay as they are.
func completed(m record.Material) record.Material {
	m.Version, m.Kind, m.ChoiceDays = record.Version, record.MaterialKind, longestChoice()
	m.Purposes = sorted(m.Purposes, func(p record.Purpose) string { return p.ID })
	for i, p := range m.Purposes {
		m.Purposes[i].Data = sortedNames(p.Data)
		m.Purposes[i].Locations = sortedNames(p.Locations)
	}
	m.Services = sorted(m.Services, func(s record.Service) string { return s.ID })
	for i, s := range m.Services {
		m.Services[i].Purposes = sortedNames(s.Purposes)
	}
	m.Recipients = sorted(m.Recipients, func(r record.Recipient) string { return r.ID })
	return m
}

// sorted returns a list, never nil, in the order of ids.
func sorted[T any](list []T, id func(T) string) []T {
	list = append([]T{}, list...)
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	return list
}

func sortedNames(names []string) []string {
	return slices.Compact(sorted(names, func(name string) string { return name }))
}

// longestChoice is for how many days an answer counts at most, in the row that lets it count longest.
func longestChoice() (days int) {
	for _, row := range consent.BrowserRows() {
		days = max(days, row.Rules.Days())
	}
	return days
}

// texts returns all that is said, in the order of reading. The names of purposes and services stand behind it: receipts
// show them.
func (w *wording) texts(layout string, m *record.Material) []record.Text {
	var list []record.Text
	add := func(id, text string) { list = append(list, record.Text{ID: id, Text: text}) }
	fill := strings.NewReplacer("{controller}", m.Controller.Name, "{contact}", contactOf(m.Controller),
		"{days}", strconv.Itoa(m.ChoiceDays), "{purposes}", w.asked(m))
	add("title", fill.Replace(w.text(layout+".title")))
	body := w.text(layout + ".body")
	if w.site.CountsAnonymously {
		body += "\n" + w.text("anonymous")
	}
	add("body", fill.Replace(body))
	for _, category := range categories {
		if about := w.about(category, m); about != "" {
			add("purpose."+category, w.text("purpose."+category))
			add("purpose."+category+".text", about)
		}
	}
	add("always_on", w.text("always_on"))
	add("details", w.text("details"))
	add("honoured", w.text("honoured"))
	add("receipt", w.text("receipt"))
	if w.site.Policy != "" {
		add("policy", w.text("policy"))
		add("policy.url", w.site.Policy)
	}
	for _, p := range m.Purposes {
		add(p.ID, w.name(p.ID))
	}
	for _, s := range m.Services {
		add(s.ID, w.name(s.ID))
		if !IsOwn(s.ID) {
			add(s.ID+".text", strings.Join(w.service(s, m.Recipients), "\n"))
		}
	}
	return list
}

func contactOf(c record.Controller) string {
	if c.Officer == "" {
		return c.Contact
	}
	return c.Contact + ", " + c.Officer
}

// categories in the order in which they are shown.
var categories = strings.Split(consent.All.String(), ",")

// asked names the categories that an answer is about, for the first layer.
func (w *wording) asked(m *record.Material) string {
	var names []string
	for _, category := range categories[1:] { // nobody is asked about the first, the essential
		if w.about(category, m) != "" {
			names = append(names, w.text("purpose."+category))
		}
	}
	if len(names) == 0 {
		return w.text("purpose." + categories[0])
	}
	return strings.Join(names, comma(w.locale))
}

// Direction is which way a locale's words run, as HTML says it: ltr or rtl. The browser's twin is banner/words.ts.
func Direction(locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	if slices.Contains(strings.Fields("ar ckb dv fa he ps sd ug ur yi"), language) {
		return "rtl"
	}
	return "ltr"
}

// comma is what stands between the parts of a list.
func comma(locale string) string {
	language, _, _ := strings.Cut(locale, "-")
	switch language {
	case "ja", "zh":
		return "、"
	case "ar", "fa", "ps", "ug", "ur":
		return "، "
	}
	return ", "
}

// about says what a category is asked for, and what of Heed serves that: "" where nothing is. The services that the owner
// declares stand below it, each with a box of its own.
func (w *wording) about(category string, m *record.Material) string {
	lines := []string{w.text("purpose." + category + ".text")}
	for _, p := range m.Purposes {
		if p.Category == category {
			lines = append(lines, w.purpose(p))
		}
	}
	if len(lines) == 1 {
		return ""
	}
	for _, s := range m.Services {
		if s.Category == category && IsOwn(s.ID) {
			lines = append(lines, w.name(s.ID)+"\n"+strings.Join(w.service(s, m.Recipients), "\n"))
		}
	}
	return strings.Join(lines, "\n")
}

// purpose is one line: the name, what happens, how long what comes of it is kept.
func (w *wording) purpose(p record.Purpose) string {
	line := w.name(p.ID)
	if text := w.text(p.ID + ".text"); text != "" {
		line += ": " + text
	}
	if p.RetentionDays == 0 {
		return line
	}
	return line + " " + strings.ReplaceAll(w.text("kept"), "{days}", strconv.Itoa(p.RetentionDays))
}

// service is a line each on who runs it and where, what it does, and what it leaves in the browser.
func (w *wording) service(s record.Service, recipients []record.Recipient) (lines []string) {
	if i := slices.IndexFunc(recipients, func(r record.Recipient) bool { return r.ID == s.Recipient }); i >= 0 {
		lines = append(lines, recipientLine(recipients[i]))
	}
	if text := w.text(s.ID + ".text"); text != "" {
		lines = append(lines, text)
	}
	if s.LifetimeDays == 0 {
		lines = append(lines, sentence(w.text("session")))
	} else {
		lines = append(lines, sentence(strings.ReplaceAll(w.text("stored"), "{days}", strconv.Itoa(s.LifetimeDays))))
	}
	if line := storesLine(w.site.Stores[s.ID], comma(w.locale)); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// maxStoresBytes is how much of a service's text names may take: nobody reads more of them in a notice.
const maxStoresBytes = 1000

// storesLine lists names, as many as fit.
func storesLine(names []string, comma string) string {
	line := strings.Join(names, comma)
	for n := len(names); len(line) > maxStoresBytes; n-- {
		line = strings.Join(names[:n-1], comma) + comma + "…"
	}
	return line
}

func recipientLine(r record.Recipient) string {
	line := r.Name
	if r.Country != NoCountry {
		line += " (" + r.Country + ")"
	}
	if r.Policy != "" {
		line += " " + r.Policy
	}
	return line
}

// sentence begins a line with a capital, in scripts that have them.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func (w *wording) buttons(of []record.Button) []record.Button {
	list := slices.Clone(of)
	for i := range list {
		list[i].Label = w.text("button." + list[i].ID)
	}
	return list
}
