package record

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"heed/consent"
)

func archive(t testing.TB, n *Notice) Archived {
	t.Helper()
	a, err := n.Archive()
	if err != nil {
		t.Fatalf("Archive: %v", err)
	}
	return a
}

func TestNoticeSurvivesTheArchive(t *testing.T) {
	n := someNotice()
	n.Look.Texts[0].Text = "Dürfen wir?\n„Ja“ \u2028 <b>&"
	a := archive(t, n)
	got, err := OpenNotice(a.Text, a.Ref)
	if err != nil || !reflect.DeepEqual(got, n) {
		t.Errorf("OpenNotice(%s) = %+v, %v, want %+v", a.Text, got, err, n)
	}
	material, err := canonical(n.Material)
	if err != nil || consent.NoticeID(material) != a.Ref.ID {
		t.Errorf("the notice's id is %s, want that of its material, %s, %v", a.Ref.ID, consent.NoticeID(material), err)
	}
}

// TestHashesOfANotice says which change asks again: what changes alone is shown_hash, or both hashes.
func TestHashesOfANotice(t *testing.T) {
	before := archive(t, someNotice()).Ref
	f := func(name string, material bool, change func(n *Notice)) {
		t.Helper()
		n := someNotice()
		change(n)
		after := archive(t, n).Ref
		if after.Shown == before.Shown {
			t.Errorf("%s: shown_hash is the same", name)
		}
		if (after.Material != before.Material) != material || (after.ID != before.ID) != material {
			t.Errorf("%s: material_hash and id %v → %v, want a change: %v", name, before, after, material)
		}
	}
	f("a colour", false, func(n *Notice) { n.Look.CSS = strings.Replace(n.Look.CSS, "#111", "#222", 1) })
	f("the order of buttons", false, func(n *Notice) { slices.Reverse(n.Look.Buttons) })
	f("a label", false, func(n *Notice) { n.Look.Buttons[0].Label = "OK" })
	f("a text", false, func(n *Notice) { n.Look.Texts[0].Text += "!" })
	f("a locale", false, func(n *Notice) { n.Locale = "de" })
	f("a layout", false, func(n *Notice) { n.Layout = "dialog" })
	f("an edition", false, func(n *Notice) { n.Edition = "2026-11" })

	f("a new service", true, func(n *Notice) {
		n.Material.Services = append(n.Material.Services, Service{"video", "functional", "mapco", []string{"directions"}, 1})
	})
	f("a new purpose", true, func(n *Notice) {
		n.Material.Purposes = append(n.Material.Purposes, Purpose{"tell", "advertising", []string{"mail"}, 9, []string{"IE"}})
	})
	f("another recipient", true, func(n *Notice) { n.Material.Recipients[0].Name = "Other Co" })
	f("a longer life", true, func(n *Notice) { n.Material.Services[1].LifetimeDays++ })
	f("longer kept", true, func(n *Notice) { n.Material.Purposes[3].RetentionDays++ })
	f("another controller", true, func(n *Notice) { n.Material.Controller.Name = "Shop GmbH" })
	f("another category", true, func(n *Notice) { n.Material.Services[2].Category = "performance" })
}

func TestOpenNoticeNamesEveryChangedByte(t *testing.T) {
	a := archive(t, someNotice())
	for i := range a.Text {
		changed := bytes.Clone(a.Text)
		changed[i] ^= 0x01
		if _, err := OpenNotice(changed, a.Ref); err == nil || !strings.Contains(err.Error(), "shown_hash") {
			t.Fatalf("OpenNotice with byte %d as %q = %v, want shown_hash named", i, changed[i], err)
		}
	}
	f := func(name string, change func(ref *NoticeRef)) {
		t.Helper()
		ref := a.Ref
		change(&ref)
		if _, err := OpenNotice(a.Text, ref); err == nil {
			t.Errorf("OpenNotice by another %s: want an error", name)
		}
	}
	f("shown_hash", func(ref *NoticeRef) { ref.Shown[0]++ })
	f("material_hash", func(ref *NoticeRef) { ref.Material[0]++ })
	f("id", func(ref *NoticeRef) { ref.ID = "00000000" })
}

func TestArchiveFailure(t *testing.T) {
	f := func(name string, change func(n *Notice)) {
		t.Helper()
		n := someNotice()
		change(n)
		if _, err := n.Archive(); err == nil {
			t.Errorf("Archive, %s: want an error", name)
		}
	}
	f("version", func(n *Notice) { n.Version = 0 })
	f("kind", func(n *Notice) { n.Kind = MaterialKind })
	f("no locale", func(n *Notice) { n.Locale = "" })
	f("no buttons", func(n *Notice) { n.Look.Buttons = nil })
	f("no texts", func(n *Notice) { n.Look.Texts = nil })
	f("a bell in a text", func(n *Notice) { n.Look.Texts[0].Text = "\a" })
	f("much CSS", func(n *Notice) { n.Look.CSS = strings.Repeat("a", maxCSSBytes+1) })
	f("too long in all", func(n *Notice) {
		n.Look.Texts = slices.Repeat([]Text{{"x", strings.Repeat("x", maxTextBytes)}}, 40)
	})
	f("material kind", func(n *Notice) { n.Material.Kind = "" })
	f("material version", func(n *Notice) { n.Material.Version = 3 })
	f("no controller", func(n *Notice) { n.Material.Controller.Name = "" })
	f("no country", func(n *Notice) { n.Material.Controller.Country = "Ireland" })
	f("no choice days", func(n *Notice) { n.Material.ChoiceDays = 0 })
	f("purposes in another order", func(n *Notice) { slices.Reverse(n.Material.Purposes) })
	f("services in another order", func(n *Notice) { slices.Reverse(n.Material.Services) })
	f("recipients in another order", func(n *Notice) { slices.Reverse(n.Material.Recipients) })
	f("a category of one's own", func(n *Notice) { n.Material.Purposes[0].Category = "fun" })
	f("two categories", func(n *Notice) { n.Material.Purposes[0].Category = "essential,functional" })
	f("for ever", func(n *Notice) { n.Material.Purposes[0].RetentionDays = maxDays + 1 })
	f("no such recipient", func(n *Notice) { n.Material.Services[0].Recipient = "nobody" })
	f("no such purpose", func(n *Notice) { n.Material.Services[0].Purposes = []string{"nothing"} })
}

func TestAnswers(t *testing.T) {
	if err := someNotice().Answers(grant(1)); err != nil {
		t.Errorf("Answers = %v", err)
	}
	f := func(name string, change func(r *Record)) {
		t.Helper()
		r := grant(1)
		change(r)
		if err := someNotice().Answers(r); err == nil {
			t.Errorf("Answers, %s: want an error", name)
		}
	}
	f("another site", func(r *Record) { r.Site = "blog" })
	f("a service without an answer", func(r *Record) { r.Services.Denied = []string{"ads"} })
	f("a service of its own", func(r *Record) { r.Services.Denied = []string{"ads", "maps", "video"} })
	f("a service against its category", func(r *Record) {
		r.Services = State{Granted: []string{"ads", "counter"}, Denied: []string{"maps"}}
	})
}

func FuzzOpenNotice(f *testing.F) {
	a := archive(f, someNotice())
	f.Add(a.Text)
	f.Fuzz(func(t *testing.T, text []byte) {
		n := new(Notice)
		if readCanonical(text, MaxNoticeBytes, n) != nil || n.Validate() != nil {
			return
		}
		again, err := n.Archive()
		if err != nil || !bytes.Equal(again.Text, text) {
			t.Fatalf("Archive of %q = %q, %v", text, again.Text, err)
		}
		if _, err := OpenNotice(again.Text, again.Ref); err != nil {
			t.Errorf("OpenNotice(%q) = %v", text, err)
		}
	})
}
