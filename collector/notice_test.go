package collector_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/schemas"
)

// shopNotices are in force on testSite: English, then German, of one material.
var shopNotices = []collector.Notice{archived("en"), archived("de")}

// notice is what choices answer.
var notice = shopNotices[0].Ref.ID

func archived(locale string) collector.Notice {
	n := &record.Notice{
		Version: record.Version, Kind: record.NoticeKind, Site: "shop", Layout: "opt_in", Locale: locale, Edition: "1",
		Material: record.Material{
			Version: record.Version, Kind: record.MaterialKind, ChoiceDays: consent.ChoiceDays,
			Controller: record.Controller{Name: "Shop Ltd", Contact: "privacy@shop.example", Country: "IE"},
			Purposes: []record.Purpose{
				{ID: "basket", Category: "essential", Data: []string{"basket"}, RetentionDays: 1, Locations: []string{"IE"}},
				{ID: "followup", Category: "advertising", Data: []string{"click-id"}, RetentionDays: 90, Locations: []string{"US"}},
				{ID: "measure", Category: "performance", Data: []string{"pages"}, RetentionDays: 395, Locations: []string{"IE"}},
			},
			Services: []record.Service{
				{ID: "ads", Category: "advertising", Recipient: "adco", Purposes: []string{"followup"}, LifetimeDays: 90},
				{ID: "counter", Category: "performance", Recipient: "shop", Purposes: []string{"measure"}, LifetimeDays: 182},
			},
			Recipients: []record.Recipient{
				{ID: "adco", Name: "Ad Co", Country: "US", Policy: "https://ads.example/privacy"},
				{ID: "shop", Name: "Shop Ltd", Country: "IE", Policy: "https://shop.example/privacy"},
			},
		},
		Look: record.Look{
			Texts: []record.Text{
				{ID: "title", Text: "Your choice"}, {ID: "measure", Text: "Counting <visits>"},
				{ID: "counter", Text: "Our counter"}, {ID: "ads", Text: "Ads"},
			},
			Buttons: []record.Button{
				{ID: "reject", Action: "reject", Label: "Reject"}, {ID: "accept", Action: "accept", Label: "Accept"},
			},
			CSS: "p{margin:0}",
		},
	}
	a, err := n.Archive()
	if err != nil {
		panic(err)
	}
	return collector.Notice{Ref: a.Ref, Text: a.Text, Notice: n}
}

// event returns a consent event of the English notice, by a button where one was pressed.
func event(kind schemas.ConsentKind) *schemas.ConsentEvent {
	ev := &schemas.ConsentEvent{
		ID: newID(), Event: kind, Method: schemas.ByItself, Created: time.Now().UnixMilli(),
		Shown: shopNotices[0].Ref.Shown.String(), Dwell: 1200, Wall: schemas.WallSealed,
	}
	switch kind {
	case schemas.ConsentAccept, schemas.ConsentReject, schemas.ConsentCustom, schemas.ConsentWithdraw:
		ev.Method, ev.Control = schemas.ByButton, string(kind)
	case schemas.ConsentGPC, schemas.ConsentDNT:
		ev.Method, ev.Shown = schemas.BySignal, ""
	}
	return ev
}

// answered returns a batch without events that reports what the visitor has answered.
func answered(kind schemas.ConsentKind, choice consent.Choice) schemas.Batch {
	b := batch()
	b.Choice, b.Consent = choice.String(), event(kind)
	return b
}

// records stops the edge and returns the records of the consent stream, as they are read back from disk.
func (e *edge) records() (list []*record.Record) {
	e.t.Helper()
	e.stop()
	for _, envelope := range readAll(e.t, e.consent) {
		r, err := record.Decode(envelope.Statement)
		if err != nil {
			e.t.Fatal(err)
		}
		if envelope.Kind != collector.ConsentKind || envelope.Site != r.Site || string(envelope.Id) != string(r.ID[:]) ||
			envelope.ReceivedMs != r.TimeMS || envelope.Visitor != nil || envelope.Country != "" {
			e.t.Errorf("envelope = %v, want that of record %v", envelope, r.ID)
		}
		list = append(list, r)
	}
	return list
}

// idOf returns the id of a consent event as records have it.
func idOf(t testing.TB, ev *schemas.ConsentEvent) (id record.ID) {
	t.Helper()
	if err := id.UnmarshalText([]byte(strings.ReplaceAll(ev.ID, "-", ""))); err != nil {
		t.Fatal(err)
	}
	return id
}

// seal returns the text of a choice as the collector seals it for testSite.
func seal(choice consent.Choice, r record.ID) string {
	s := testSite()
	return choice.Seal(s.SealKey, s.ID, r).String()
}

// errFailed is what a log of the tests fails with.
var errFailed = errors.New("the log is closed")
