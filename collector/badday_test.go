package collector_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/enrich"
	"heed/schemas"
)

// badDay is a choice that should not count in full, and what it must not do: its events are not kept, its text is not
// sealed, and the counter says that it happened.
type badDay struct {
	name    string
	choice  string
	counter string // under heed_collector_, "" where nothing is wrong by itself
}

func badDays() []badDay {
	all := grant(consent.All)
	text := sealed(consent.All)
	day := func(days int) string {
		c := all
		c.Day += days
		return seal(c, record.ID{7})
	}
	other := all
	other.Notice = "12345678"
	grown := strings.Replace(text, "1.0f.", "1.4f.", 1) // a bit more under the same seal
	return []badDay{
		{"forged seal", text[:len(text)-4] + "AAAA", "seals_forged_total"},
		{"another record under the seal", strings.Replace(text, ".07", ".08", 1), "seals_forged_total"},
		{"more bits under the seal", grown, "seals_forged_total"},
		{"another day under the seal", strings.Replace(text, ".20", ".21", 1), "seals_forged_total"},
		{"truncated", text[:len(text)-1], "choices_malformed_total"},
		{"truncated to the record", text[:strings.LastIndexByte(text, '.')], "choices_malformed_total"},
		{"truncated to a grant without seal", all.String(), "choices_unproven_total"},
		{"of a newer version", "2" + text[1:], "choices_malformed_total"},
		{"of another site", sealedFor("other"), "seals_forged_total"},
		{"sealed with a key that nobody has", sealedFor("shop", 9), "seals_forged_total"},
		{"for an unknown notice", seal(other, record.ID{7}), ""},
		{"from after tomorrow", day(2), ""}, // a clock is wrong
		{"too old", day(-consent.ChoiceDays - 1), ""},
		{"garbage", "\"><script>", "choices_malformed_total"},
	}
}

func TestBadChoicesAreOnTheStrictSide(t *testing.T) {
	for _, day := range badDays() {
		t.Run(day.name, func(t *testing.T) {
			e := start(t, collector.Config{})
			b := batch(asIs, formEvent)
			b.Choice, b.Visitor = day.choice, strings.Repeat("ab", 16)
			a := e.post(encode(t, b))
			if got := a.codes(t); !slices.Equal(got, []schemas.Code{schemas.NoConsent, schemas.NoConsent}) || a.result(t).Choice != "" {
				t.Errorf("answer = %s, want all refused and nothing sealed", a.body)
			}
			image := e.get("/h/k1/view.gif?u="+pageURL, "Cookie", "heed="+day.choice)
			if got := image.header.Get("X-Heed-Reason"); got != "no_consent" && day.name != "garbage" { // which is no cookie
				t.Errorf("image: reason = %q, want no_consent", got)
			}
			if day.counter != "" && e.metric("heed_collector_"+day.counter) == "0" {
				t.Errorf("%s = 0, want it counted", day.counter)
			}
			if a.header.Get("Set-Cookie") != "" {
				t.Errorf("Set-Cookie = %q, want none", a.header.Values("Set-Cookie"))
			}
			if got := e.stored(); len(got) > 0 {
				t.Errorf("stored = %v, want nothing", got)
			}
		})
	}
}

// What is granted by default is not lost to a bad choice of more, and what a bad choice refuses stays refused.
func TestBadChoicesMayTakeAway(t *testing.T) {
	f := func(choice string, want int) {
		t.Helper()
		site := testSite()
		site.AssumePlace = consent.Place{Country: "US", Region: "TX"}
		e := start(t, collector.Config{Sites: []collector.Site{site}})
		b := batch(asIs)
		b.Choice = choice
		e.post(encode(t, b)).result(t)
		if got := e.stored(); len(got) != want || want > 0 && len(got[0].Record) > 0 {
			t.Errorf("choice %q: stored %v, want %d without a record", choice, got, want)
		}
	}
	f("", 1)
	f(sealedFor("other"), 1)          // a grant that cannot be proven: the default
	f(grant(0).String(), 0)           // a refusal needs no proof
	f("2.01.20000.c0ffee01.later", 0) // it may have been a refusal
	old := grant(consent.Functional)  // an opt-out does not end with its notice
	old.Notice, old.Day = "12345678", old.Day-1000
	f(old.String(), 0)
}

// A choice that an old key has sealed counts, and comes back under the new one with the same record.
func TestRotatedSealKey(t *testing.T) {
	site := testSite()
	site.OldSealKeys = [][]byte{slices.Repeat([]byte{8}, 32), slices.Repeat([]byte{9}, 32)}
	e := start(t, collector.Config{Sites: []collector.Site{site}})
	b := batch(asIs)
	b.Choice = sealedFor("shop", 9)
	a := e.post(encode(t, b)).result(t)
	if want := sealed(consent.Performance); a.Accepted != 1 || a.Choice != want {
		t.Errorf("answer = %+v, want the event accepted and the choice as %q", a, want)
	}
	b = answered(schemas.ConsentReject, grant(0))
	b.Consent.Ends = grant(consent.All).Seal(site.OldSealKeys[0], site.ID, record.ID{6: 0x70, 8: 0x80}).String()
	e.post(encode(t, b)).result(t)
	if got := e.records(); len(got) != 1 || got[0].Event != record.Withdrawn {
		t.Errorf("records = %+v, want a withdrawal of what the old key has sealed", got)
	}
}

// A sealed choice that is replayed with a consent event is not that event's grant, and a grant cannot be made to look
// like another's record.
func TestReplayedChoiceIsNoNewGrant(t *testing.T) {
	e := start(t, collector.Config{})
	b := answered(schemas.ConsentAccept, grant(consent.All))
	first := e.post(encode(t, b)).result(t).Choice
	b.Choice = first // its own seal: told twice, as when the answer came and the mark did not go
	if a := e.post(encode(t, b)); a.status != http.StatusAccepted || a.body != "" {
		t.Errorf("its own record again = %d %s, want 202", a.status, a.body)
	}
	b.Consent = event(schemas.ConsentAccept)
	if a := e.post(encode(t, b)); a.status != http.StatusBadRequest {
		t.Errorf("another record with the same seal = %d %s, want 400", a.status, a.body)
	}
	if got := e.records(); len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("records = %v, want the first twice", got)
	}
}

// The browser's clock is off by years: a refusal is recorded by ours, a grant whose day is impossible is refused.
func TestWrongClocks(t *testing.T) {
	e := start(t, collector.Config{})
	for _, days := range []int{-5000, 5000} {
		refusal := grant(0)
		refusal.Day += days
		b := answered(schemas.ConsentReject, refusal)
		b.Consent.Created = 1 // 1970
		e.post(encode(t, b)).result(t)
		yes := grant(consent.All)
		yes.Day += days
		if a := e.post(encode(t, answered(schemas.ConsentAccept, yes))); a.status != http.StatusBadRequest {
			t.Errorf("a grant %d days off = %d %s, want 400", days, a.status, a.body)
		}
	}
	got := e.records()
	if len(got) != 2 {
		t.Fatalf("records = %v, want the two refusals", got)
	}
	for _, r := range got {
		if life := time.Duration(r.ExpiresMS-r.TimeMS) * time.Millisecond; life < 100*24*time.Hour || life > 400*24*time.Hour {
			t.Errorf("refusal expires after %v, want the row's time from receipt", life)
		}
	}
}

// A withdrawal may overtake the grant it ends: on another connection, at another collector.
func TestRecordBeforeItsPredecessor(t *testing.T) {
	e := start(t, collector.Config{})
	yes := answered(schemas.ConsentAccept, grant(consent.All))
	no := answered(schemas.ConsentWithdraw, grant(0))
	no.Consent.Ends = seal(grant(consent.All), idOf(t, yes.Consent))
	e.post(encode(t, no)).result(t)
	e.post(encode(t, yes)).result(t)
	if got := e.records(); len(got) != 2 || got[0].Event != record.Withdrawn || got[0].Ends != got[1].ID {
		t.Errorf("records = %+v, want the withdrawal, then the grant that it names", got)
	}
}

func TestNoConsentLog(t *testing.T) {
	enricher, err := enrich.Open(context.Background(), enrich.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer enricher.Close()
	cfg := collector.Config{Prefix: "/h", Sites: []collector.Site{testSite()}}
	c, err := collector.New(cfg, collector.Logs{Events: nullLog{}}, enricher, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := func(b schemas.Batch, want int) {
		t.Helper()
		body := encode(t, b)
		ctx := newRequest(t, head("POST", urgent, text, fmt.Sprintf("Content-Length: %d", len(body)))+body)
		if c.Handler()(ctx); ctx.Response.StatusCode() != want {
			t.Errorf("answer = %d %s, want %d", ctx.Response.StatusCode(), ctx.Response.Body(), want)
		}
	}
	f(answered(schemas.ConsentReject, grant(0)), http.StatusServiceUnavailable)
	f(batch(asIs), http.StatusAccepted)
}
