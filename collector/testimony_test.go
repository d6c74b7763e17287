package collector_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/wal"
	"heed/schemas"
)

// What a record says, field by field: nothing finer than the matrix needs of the place, nothing of the visitor.
func TestRecordSaysWhatHappened(t *testing.T) {
	site := testSite()
	site.AnonymousCount, site.Exemption = true, true
	e := start(t, collector.Config{Sites: []collector.Site{site}, TrustedProxies: loopback})
	b := answered(schemas.ConsentAccept, grant(consent.All))
	b.Events = batch(asIs).Events
	b.Visitor = strings.Repeat("ab", 16)
	before := time.Now().UnixMilli()
	if a := e.post(encode(t, b), "X-Forwarded-For", zurichIP, "Sec-GPC", "0").result(t); a.Accepted != 1 || a.Choice == "" {
		t.Fatalf("answer = %+v, want the event accepted and the choice sealed", a)
	}
	records, events := e.records(), e.stored()
	if len(records) != 1 || len(events) != 1 || string(events[0].Record) != string(records[0].ID[:]) {
		t.Fatalf("records %v, events %v, want one each, of one record", records, events)
	}
	got := *records[0]
	if got.TimeMS < before || got.TimeMS > time.Now().UnixMilli() {
		t.Errorf("time_ms = %d, want the time of receipt", got.TimeMS)
	}
	want := record.Record{
		Version: 1, ID: idOf(t, b.Consent), Site: "shop", Event: record.Accepted, Method: record.ByButton, Control: "accept",
		TimeMS: got.TimeMS, ClientTimeMS: b.Consent.Created, ExpiresMS: got.ExpiresMS,
		Place: record.Place{Country: "CH", Source: record.FromAddress}, Jurisdiction: "CH", MatrixVersion: consent.MatrixVersion,
		Reasons:    []string{"choice_made"},
		Assertions: []record.Assertion{record.AssertsAnonymousCount, record.AssertsExemption},
		Categories: record.CategoryState(consent.All),
		Services:   record.State{Granted: []string{"ads", "counter"}, Denied: []string{}},
		Wall:       record.WallSealed, Notice: shopNotices[0].Ref, DwellMS: 1200, Origin: siteOrigin, Browser: "Safari",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("record =\n%+v, want\n%+v", got, want)
	}
	if err := shopNotices[0].Notice.Answers(&got); err != nil {
		t.Errorf("Answers(record) = %v, want none", err)
	}
	rules := consent.BrowserRules(consent.Place{Country: "CH"}, consent.Site{})
	if end := int64(consent.DayOf(time.UnixMilli(before))+rules.Days()+1) * 86_400_000; got.ExpiresMS != end {
		t.Errorf("expires_ms = %d, want the end of the row's last day, %d", got.ExpiresMS, end)
	}
}

// ended returns a consent event that names a sealed grant as the one that it ends.
func ended(kind schemas.ConsentKind, text string) *schemas.ConsentEvent {
	ev := event(kind)
	ev.Ends = text
	return ev
}

func TestWhatIsRecordedAsHavingHappened(t *testing.T) {
	first := record.ID{6: 0x70, 8: 0x80, 15: 1}
	all, performance := seal(grant(consent.All), first), seal(grant(consent.Performance), first)
	f := func(ev *schemas.ConsentEvent, choice consent.Choice, want record.Event, ends record.ID, sealed bool) {
		t.Helper()
		e := start(t, collector.Config{})
		b := batch()
		b.Choice, b.Consent = choice.String(), ev
		a := e.post(encode(t, b)).result(t)
		if (a.Choice != "") != sealed {
			t.Errorf("%s with %s: answered %q, want sealed %t", ev.Event, b.Choice, a.Choice, sealed)
		}
		if got := e.records(); len(got) != 1 || got[0].Event != want || got[0].Ends != ends {
			t.Errorf("%s with %s: records %+v, want %s that ends %v", ev.Event, b.Choice, got, want, ends)
		}
	}
	f(event(schemas.ConsentReject), grant(0), record.Rejected, record.ID{}, false)
	f(event(schemas.ConsentCustom), grant(0), record.Chosen, record.ID{}, false)
	f(event(schemas.ConsentShown), grant(0), record.Shown, record.ID{}, false)
	f(ended(schemas.ConsentReprompt, all), grant(0), record.Reprompt, record.ID{}, false) // it ends nothing
	f(ended(schemas.ConsentExpire, all), grant(0), record.Expired, first, false)
	f(ended(schemas.ConsentAccept, performance), grant(consent.All), record.Accepted, first, true)
	f(ended(schemas.ConsentCustom, all), grant(consent.Functional), record.Chosen, first, true)

	// Only what was proven can be withdrawn.
	f(ended(schemas.ConsentWithdraw, all), grant(0), record.Withdrawn, first, false)
	f(ended(schemas.ConsentReject, all), grant(0), record.Withdrawn, first, false)
	f(ended(schemas.ConsentWithdraw, all), grant(consent.Performance), record.Withdrawn, first, true)
	f(ended(schemas.ConsentWithdraw, performance), grant(consent.Performance), record.Chosen, first, true) // nothing was taken
	f(ended(schemas.ConsentWithdraw, ""), grant(0), record.Rejected, record.ID{}, false)
	f(ended(schemas.ConsentWithdraw, "nonsense"), grant(0), record.Rejected, record.ID{}, false)
	f(ended(schemas.ConsentWithdraw, grant(consent.All).String()), grant(0), record.Rejected, record.ID{}, false)
	s := testSite()
	foreign := grant(consent.All).Seal(s.SealKey, "other", first).String()
	forged := grant(consent.All).Seal(s.VisitorKey, s.ID, first).String()
	f(ended(schemas.ConsentWithdraw, foreign), grant(consent.Functional), record.Chosen, record.ID{}, true)
	f(ended(schemas.ConsentWithdraw, forged), grant(0), record.Rejected, record.ID{}, false)
	f(ended(schemas.ConsentWithdraw, sealed(consent.All)), grant(0), record.Rejected, record.ID{}, false) // its id is no record's
}

func TestContradictionsAreRefused(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(ev *schemas.ConsentEvent, choice string, code schemas.Code, field string) {
		t.Helper()
		b := batch(asIs)
		b.Choice, b.Consent = choice, ev
		a := e.post(encode(t, b))
		if a.status != http.StatusBadRequest || a.code(t) != code || !strings.Contains(a.body, `"field":"`+field+`"`) {
			t.Errorf("%s with %q = %d %s, want 400 %s of %s", ev.Event, choice, a.status, a.body, code, field)
		}
	}
	change := func(kind schemas.ConsentKind, change func(*schemas.ConsentEvent)) *schemas.ConsentEvent {
		ev := event(kind)
		change(ev)
		return ev
	}
	all, nothing := grant(consent.All), grant(0).String()
	f(event(schemas.ConsentAccept), nothing, schemas.Malformed, "choice")
	f(event(schemas.ConsentReject), all.String(), schemas.Malformed, "choice")
	f(event(schemas.ConsentWithdraw), all.String(), schemas.Malformed, "choice")
	f(event(schemas.ConsentAccept), "", schemas.Malformed, "choice")
	f(event(schemas.ConsentReject), "2.01.20000.c0ffee01.what.comes.later", schemas.Malformed, "choice")
	f(event(schemas.ConsentAccept), sealed(consent.All), schemas.Malformed, "choice") // sealed with another record
	f(event(schemas.ConsentAccept), sealedFor("other"), schemas.Malformed, "choice")
	f(event(schemas.ConsentGPC), nothing, schemas.Malformed, "consent.event") // no signal anywhere
	f(event(schemas.ConsentDNT), nothing, schemas.Malformed, "consent.event")
	late, early := all, all
	late.Day, early.Day = late.Day+2, early.Day-consent.ChoiceDays-1
	f(event(schemas.ConsentAccept), late.String(), schemas.Malformed, "choice")
	f(event(schemas.ConsentAccept), early.String(), schemas.Malformed, "choice")
	other := all
	other.Notice = "12345678"
	f(event(schemas.ConsentAccept), other.String(), schemas.Malformed, "choice")
	f(change(schemas.ConsentAccept, func(ev *schemas.ConsentEvent) { ev.Shown = strings.Repeat("ab", 32) }), all.String(),
		schemas.UnknownNotice, "consent.shown")
	f(change(schemas.ConsentAccept, func(ev *schemas.ConsentEvent) { ev.Services = []string{"spy"} }), all.String(),
		schemas.Malformed, "consent.services")
	if records, events := e.records(), e.stored(); len(records) > 0 || len(events) > 0 {
		t.Errorf("kept %d records and %d events of contradictions, want none", len(records), len(events))
	}
}

// A choice in part allows what it names, and nothing where it names none; fewer services are a withdrawal.
func TestServicesInPart(t *testing.T) {
	first := record.ID{6: 0x70, 8: 0x80, 15: 1}
	part := grant(consent.All)
	part.Partial = true
	f := func(kind schemas.ConsentKind, before consent.Choice, services []string, want record.Event, state record.State) {
		t.Helper()
		e := start(t, collector.Config{})
		b := answered(kind, part)
		b.Consent.Services, b.Consent.Ends = services, seal(before, first)
		a := e.post(encode(t, b)).result(t)
		if sealed, err := consent.ParseChoice(a.Choice); err != nil || !sealed.Partial || !sealed.Sealed {
			t.Errorf("%s: answered %q, want a sealed choice in part", kind, a.Choice)
		}
		if got := e.records(); len(got) != 1 || got[0].Event != want || !reflect.DeepEqual(got[0].Services, state) {
			t.Errorf("%s of %q: records %+v, want %s with %+v", kind, services, got, want, state)
		}
	}
	one := record.State{Granted: []string{"ads"}, Denied: []string{"counter"}}
	none := record.State{Granted: []string{}, Denied: []string{"ads", "counter"}}
	f(schemas.ConsentCustom, grant(0), []string{"ads"}, record.Chosen, one)
	f(schemas.ConsentCustom, grant(0), nil, record.Chosen, none)
	f(schemas.ConsentWithdraw, grant(consent.All), []string{"ads"}, record.Withdrawn, one)
	f(schemas.ConsentWithdraw, part, nil, record.Withdrawn, none)
	f(schemas.ConsentCustom, part, []string{"ads"}, record.Chosen, one)
}

func TestServicesFollowVisitorAndDecision(t *testing.T) {
	f := func(services []string, granted consent.Categories, want record.State) {
		t.Helper()
		e := start(t, collector.Config{})
		b := answered(schemas.ConsentCustom, grant(granted))
		b.Consent.Services = services
		e.post(encode(t, b)).result(t)
		if got := e.records(); len(got) != 1 || !reflect.DeepEqual(got[0].Services, want) {
			t.Errorf("services %q with %s = %+v, want %+v", services, granted, got, want)
		}
	}
	f(nil, consent.All, record.State{Granted: []string{"ads", "counter"}, Denied: []string{}})
	f([]string{"counter"}, consent.All, record.State{Granted: []string{"counter"}, Denied: []string{"ads"}})
	f([]string{"ads", "counter"}, consent.Performance, record.State{Granted: []string{"counter"}, Denied: []string{"ads"}})
	f(nil, consent.Functional, record.State{Granted: []string{}, Denied: []string{"ads", "counter"}})
}

// The age decides, and nothing that is kept or logged tells it.
func TestAgeDecidesAndIsNotTold(t *testing.T) {
	e := start(t, collector.Config{})
	b := answered(schemas.ConsentAccept, grant(consent.All))
	b.Events, b.Age = batch(asIs).Events, schemas.AgeFrom13
	a := e.post(encode(t, b)).result(t)
	if len(a.Rejected) != 1 || a.Rejected[0].Code != schemas.NoConsent {
		t.Errorf("rejected = %v, want no_consent", a.Rejected)
	}
	records := e.records()
	if len(records) != 1 || !reflect.DeepEqual(records[0].Categories, record.CategoryState(consent.Essential|consent.Functional)) {
		t.Fatalf("records = %+v, want one without tracking", records)
	}
	text, err := records[0].Encode()
	if err != nil || strings.Contains(string(text), "minor") || strings.Contains(string(text), string(b.Age)) {
		t.Errorf("record = %s, %v, want nothing of an age", text, err)
	}
	if strings.Contains(e.logged.String(), string(b.Age)) {
		t.Error("the age is in the log")
	}
}

func TestRecordComesBeforeEventsOrNothingIsKept(t *testing.T) {
	send := func(e *edge) answer {
		b := answered(schemas.ConsentAccept, grant(consent.All))
		b.Events = batch(asIs).Events
		return e.postTo("urgent", encode(t, b))
	}
	want503 := func(what string, e *edge, retryAfter string) {
		t.Helper()
		a := send(e)
		if a.status != http.StatusServiceUnavailable || a.code(t) != schemas.Unavailable || a.header.Get("Retry-After") != retryAfter {
			t.Errorf("%s = %d %v %s, want 503 with Retry-After %s", what, a.status, a.header, a.body, retryAfter)
		}
		if got := e.metric("heed_collector_choices_sealed_total"); got != "0" {
			t.Errorf("%s: sealed choices = %s, want 0", what, got)
		}
		if l := e.c.Ledger()[0]; l.Arrived != 1 || l.Rejected[schemas.Unavailable] != 1 {
			t.Errorf("%s: ledger = %+v, want one event unavailable", what, l)
		}
	}
	full := start(t, collector.Config{})
	full.failedConsent.err = fmt.Errorf("append: %w", wal.ErrFull)
	want503("without room for the record", full, "60")
	closed := start(t, collector.Config{})
	if err := closed.consent.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want503("with a closed log", closed, "5")
	for _, e := range []*edge{full, closed} {
		if records, events := e.records(), e.stored(); len(records) > 0 || len(events) > 0 {
			t.Errorf("kept %v and %v, want nothing", records, events)
		}
	}
	events := start(t, collector.Config{})
	events.failed.err = errFailed
	want503("without room for the events", events, "5")
	if got := events.records(); len(got) != 1 { // it comes again, with the same id
		t.Errorf("records = %v, want the one", got)
	}
}
