package main

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/collector"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/schemas"
)

// siteOf reads one site out of a configuration.
func siteOf(t testing.TB, file, id string) *Site {
	t.Helper()
	cfg := newConfig()
	if bad := cfg.applyFile("heed.yaml", []byte(file)); len(bad) > 0 {
		t.Fatal(bad)
	}
	i := slices.IndexFunc(cfg.Sites, func(s Site) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("the configuration has no site %s", id)
	}
	return &cfg.Sites[i]
}

// noticeOf is the id of the notice that is in force on a site of a configuration.
func noticeOf(t testing.TB, file, id string) string {
	t.Helper()
	return mustNotices(t, siteOf(t, file, id))[0].Ref.ID
}

// demoNotice is the id of the demo's notice.
func demoNotice(t testing.TB) string {
	t.Helper()
	return mustNotices(t, &withDemoSite(nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})[0])[0].Ref.ID
}

func mustNotices(t testing.TB, site *Site) []notice.Built {
	t.Helper()
	built, err := site.notices()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// Five lines make a notice that is true, if only of nobody.
func TestNoticeOfFiveLines(t *testing.T) {
	built := mustNotices(t, siteOf(t, killSites, "kill"))
	m := built[0].Notice.Material
	want := record.Controller{Name: "kill (" + killOrigin + ")", Contact: killOrigin, Country: notice.NoCountry}
	if m.Controller != want {
		t.Errorf("controller = %+v, want %+v", m.Controller, want)
	}
	var purposes []string
	for _, p := range m.Purposes {
		purposes = append(purposes, p.Category+":"+p.ID)
	}
	if got, want := strings.Join(purposes, " "),
		"advertising:adclicks essential:choice performance:engagement performance:events performance:forms performance:visits"; got != want {
		t.Errorf("purposes = %s, want %s", got, want)
	}
	off := siteOf(t, killSites+"    features: {forms: false, engagement: false}\n", "kill")
	for _, p := range mustNotices(t, off)[0].Notice.Material.Purposes {
		if p.ID == "forms" || p.ID == "engagement" {
			t.Errorf("a site without it asks for %s", p.ID)
		}
	}
}

// What an owner declares is what is asked.
func TestNoticeOfADeclaration(t *testing.T) {
	site := siteOf(t, `
sites:
  - id: shop
    origins: [https://shop.example]
    retention_months: 6
    controller: {name: Shop GmbH, contact: privacy@shop.example, country: DE, officer: Ann Example}
    policy: https://shop.example/privacy
    data_countries: [IE, DE]
    locales: [de]
    purposes:
      - {id: directions, name: Directions, category: functional, data: [view, address], retention_days: 30}
    recipients:
      - {id: mapco, name: Map Co, country: US, policy: https://map.example/privacy}
    services:
      - {id: map, name: Store map, category: functional, purposes: [directions], recipient: mapco, lifetime_days: 7}
    texts:
      de: {map: Karte, directions.text: Zeigt den Weg., opt_in.title: "Darf {controller}?"}
`[1:], "shop")
	built := mustNotices(t, site)
	if len(built) != 3 || built[0].Notice.Locale != "de" || built[0].Notice.Layout != notice.OptIn {
		t.Fatalf("notices = %d, the first %s in %s, want 3 in German, opt_in first", len(built), built[0].Notice.Layout, built[0].Notice.Locale)
	}
	m := built[0].Notice.Material
	if m.Controller != (record.Controller{Name: "Shop GmbH", Contact: "privacy@shop.example", Country: "DE", Officer: "Ann Example"}) {
		t.Errorf("controller = %+v", m.Controller)
	}
	i := slices.IndexFunc(m.Purposes, func(p record.Purpose) bool { return p.ID == "directions" })
	if p := m.Purposes[i]; p.Category != "functional" || strings.Join(p.Data, " ") != "address view" || p.RetentionDays != 30 ||
		strings.Join(p.Locations, " ") != "DE IE" {
		t.Errorf("purpose = %+v", p)
	}
	if visits := m.Purposes[len(m.Purposes)-1]; visits.ID != "visits" || visits.RetentionDays != 217 {
		t.Errorf("purpose = %+v, want visits kept 7 months of 31 days", visits)
	}
	text := string(built[0].Text)
	for _, want := range []string{`"Karte"`, "Map Co (US) https://map.example/privacy", "Directions: Zeigt den Weg.", "Darf Shop GmbH?",
		`"policy.url","text":"https://shop.example/privacy"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the notice lacks %q: %s", want, text)
		}
	}
}

// A page that had shown a notice a moment before its words changed may still answer it; one whose material changed may not.
func TestKeptNotices(t *testing.T) {
	dir := t.TempDir()
	build := func(more string) collector.Site {
		t.Helper()
		site := siteOf(t, killSites+"    locales: [en]\n"+more, "kill")
		built := mustNotices(t, site)
		made := collector.Site{ID: "kill", Notice: built[0].Ref.ID, Notices: forCollector(built)}
		for _, n := range built {
			a, err := noticeAsset(n)
			if err != nil {
				t.Fatal(err)
			}
			made.Assets = append(made.Assets, a)
		}
		var err error
		if made.Assets, err = keepAssets(dir, made.Assets); err != nil {
			t.Fatal(err)
		}
		made.Notices = withKeptNotices(made)
		return made
	}
	first := build("")
	words := build("    texts: {en: {opt_in.title: Now}}\n")
	material := build("    controller: {name: Kill Ltd}\n")
	if len(first.Notices) != 3 || len(words.Notices) != 4 || len(material.Notices) != 3 {
		t.Errorf("notices: %d, %d after other words, %d after other material, want 3, 4, 3",
			len(first.Notices), len(words.Notices), len(material.Notices))
	}
	if len(material.Assets) != 7 {
		t.Errorf("%d files are served, want the 3 in force and the 4 of before", len(material.Assets))
	}
	for _, a := range material.Assets {
		if a.ContentType != jsonType || a.CacheControl != bundleCache || a.Brotli != nil {
			t.Errorf("%s is served as %q, %q", a.Name, a.ContentType, a.CacheControl)
		}
		if n, err := keptNotice(a.Plain); err != nil || a.Name != n.Ref.Shown.String()[:32]+".json" {
			t.Errorf("%s holds notice %s, %v, want what its name says", a.Name, n.Ref.Shown, err)
		}
	}
	damaged := bytes.Replace(first.Assets[0].Plain, []byte("Accept"), []byte("accept"), 1)
	if n, err := keptNotice(append(damaged, ' ')); err == nil {
		t.Errorf("keptNotice of damaged text = %+v, want an error", n.Ref)
	}
}

// acceptedNow is the consent event without which a grant in a batch counts for nothing.
func acceptedNow(now time.Time) *schemas.ConsentEvent {
	return &schemas.ConsentEvent{
		ID: uuid.Must(uuid.NewV7()).String(), Event: schemas.ConsentAccept, Method: schemas.ByAPI, Created: now.UnixMilli(),
	}
}
