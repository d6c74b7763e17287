package collector_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/schemas"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestRefusedIsGone(t *testing.T) {
	old := grant(consent.Performance)
	old.Day -= consent.ChoiceDays + 1
	other := grant(consent.Performance)
	other.Notice = "12345678"
	forged := sealed(consent.Performance)
	forged = forged[:len(forged)-4] + "AAAA"
	performance := sealed(consent.Performance)

	f := func(choice string, headers ...string) {
		t.Helper()
		e := start(t, collector.Config{})
		b := batch(asIs, func(ev *schemas.Event) { ev.Kind, ev.Form = schemas.Form, "f" })
		b.Choice, b.Visitor = choice, strings.Repeat("ab", 16)
		a := e.post(encode(t, b), headers...)
		if got := a.codes(t); !slices.Equal(got, []schemas.Code{schemas.NoConsent, schemas.NoConsent}) {
			t.Errorf("choice %q, headers %q: rejected = %v, want no_consent twice", choice, headers, got)
		}
		if cookie := a.header.Get("Set-Cookie"); cookie != "" {
			t.Errorf("choice %q, headers %q: Set-Cookie = %q", choice, headers, cookie)
		}
		if got := e.stored(); len(got) > 0 {
			t.Errorf("choice %q, headers %q: stored %v", choice, headers, got)
		}
	}
	f("")
	f("nonsense")
	f(grant(0).String())                    // a refusal
	f(sealed(consent.Functional))           // a grant of something else
	f(old.String())                         // too old
	f(other.String())                       // answers another notice
	f(forged)                               // a wrong seal
	f(performance, "DNT", "1")              // a signal after the grant
	f(performance + " ")                    // not the text that was sealed
	f(sealedFor("other-site"))              // sealed for another site
	f(sealedFor("shop", 9))                 // sealed with another key
	f(strings.ToUpper(performance), "", "") // not canonical
}

func sealedFor(site string, key ...byte) string {
	s := testSite()
	if len(key) > 0 {
		s.SealKey = slices.Repeat(key, 32)
	}
	return grant(consent.Performance).Seal(s.SealKey, site, [16]byte{7}).String()
}

func TestSignals(t *testing.T) {
	seenGPC, seenDNT := grant(consent.All), grant(consent.All)
	seenGPC.GPC, seenDNT.DNT = true, true
	seal := func(c consent.Choice) string { return seal(c, [16]byte{7}) }
	const nothing = consent.Categories(0)
	withGPC := consent.All &^ consent.Advertising
	f := func(choice string, gpc, dnt bool, want consent.Categories, headers http.Header) {
		t.Helper()
		e := start(t, collector.Config{})
		b := batch(asIs)
		b.Choice, b.GPC, b.DNT = choice, gpc, dnt
		req, _ := http.NewRequest(http.MethodPost, "http://"+e.addr+"/h/k1/ordinary", strings.NewReader(encode(t, b)))
		req.Header = headers.Clone()
		req.Header.Set("Content-Type", "text/plain")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := nothing
		for _, ev := range e.stored() {
			got = consent.Categories(ev.Categories)
		}
		if got != want {
			t.Errorf("choice %q, gpc %t, dnt %t, headers %v: stored with %v, want %v", choice, gpc, dnt, headers, got, want)
		}
		if tk := resp.Header.Get("Tk"); (tk == "N") != (want == nothing) {
			t.Errorf("choice %q, headers %v: Tk = %q", choice, headers, tk)
		}
	}
	all := seal(grant(consent.All))
	f(all, false, false, consent.All, http.Header{})
	f(all, true, false, withGPC, http.Header{})
	f(all, false, true, nothing, http.Header{})
	f(all, false, false, withGPC, http.Header{"Sec-Gpc": {"1"}})
	f(all, false, false, withGPC, http.Header{"Sec-Gpc": {"0", "1"}}) // any line
	f(all, false, false, consent.All, http.Header{"Sec-Gpc": {"0"}})
	f(all, false, false, consent.All, http.Header{"Sec-Gpc": {"true"}}) // exactly 1
	f(all, false, false, consent.All, http.Header{"Sec-Gpc": {"11"}})
	f(all, false, false, nothing, http.Header{"Dnt": {"1"}})
	f(all, false, false, consent.All, http.Header{"Dnt": {"0"}})
	f(seal(seenGPC), true, false, consent.All, http.Header{"Sec-Gpc": {"1"}}) // granted with the signal in sight
	f(seal(seenDNT), false, true, consent.All, http.Header{"Dnt": {"1"}})
}

func TestGrantIsSealedWithItsRecord(t *testing.T) {
	e := start(t, collector.Config{})
	b := answered(schemas.ConsentCustom, grant(consent.Performance))
	first := e.post(encode(t, b)).result(t)
	choice, err := consent.ParseChoice(first.Choice)
	s := testSite()
	if err != nil || !choice.Verify(s.SealKey, s.ID) || choice.Granted != consent.Essential|consent.Performance ||
		choice.Record != idOf(t, b.Consent) {
		t.Fatalf("choice = %q (%v), want the grant sealed with record %s", first.Choice, err, b.Consent.ID)
	}
	b.Retried = true
	if again := e.post(encode(t, b)).result(t); again.Choice != first.Choice {
		t.Errorf("the same record again was answered %q, want %q", again.Choice, first.Choice)
	}
	b = batch(asIs)
	b.Choice = first.Choice
	if a := e.post(encode(t, b)); a.body != "" {
		t.Errorf("the sealed choice was answered with %s, want nothing", a.body)
	}
	got := e.stored()
	if len(got) != 1 || !slices.Equal(got[0].Record, choice.Record[:]) {
		t.Errorf("stored = %v, want one event with record %x", got, choice.Record)
	}
	if n := e.metric("heed_collector_choices_sealed_total"); n != "2" {
		t.Errorf("sealed choices = %s, want 2", n)
	}
	if n := len(e.records()); n != 2 {
		t.Errorf("records = %d, want both: the chain tells doubles apart", n)
	}
}

func TestGrantWithoutItsRecordOnlyTakesAway(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs)
	b.Choice = grant(consent.Performance).String()
	if a := e.post(encode(t, b)).result(t); a.Choice != "" || len(a.Rejected) != 1 || a.Rejected[0].Code != schemas.NoConsent {
		t.Errorf("answer = %+v, want no_consent and nothing sealed", a)
	}
	b.Consent = event(schemas.ConsentShown) // not what the grant came from
	if a := e.post(encode(t, b)).result(t); a.Choice != "" || len(a.Rejected) != 1 {
		t.Errorf("with another event, answer = %+v, want no_consent and nothing sealed", a)
	}
	for name, want := range map[string]string{
		"heed_collector_choices_unproven_total":      "2",
		"heed_collector_choices_sealed_total":        "0",
		"heed_collector_consent_disagreements_total": "2",
	} {
		if got := e.metric(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if got := e.stored(); len(got) > 0 {
		t.Errorf("stored %v, want nothing", got)
	}
}

func TestWhatDoesNotCountIsNotSealed(t *testing.T) {
	e := start(t, collector.Config{})
	f := func(choice consent.Choice) {
		t.Helper()
		b := batch()
		b.Choice = choice.String()
		if a := e.post(encode(t, b)); a.status != http.StatusAccepted || a.body != "" {
			t.Errorf("choice %q = %d %s, want 202 and nothing more", b.Choice, a.status, a.body)
		}
	}
	f(grant(0)) // a refusal gets no identifier
	old := grant(consent.All)
	old.Day -= consent.ChoiceDays + 1
	f(old)
	other := grant(consent.All)
	other.Notice = "12345678"
	f(other)
}

// Two decisions disagree when the browser's own, by what it knows, allows more than ours.
func TestDisagreementIsCounted(t *testing.T) {
	e := start(t, collector.Config{})
	counted := 0
	f := func(choice string, events int, gpc, dnt, disagree bool, headers ...string) {
		t.Helper()
		b := batch(slices.Repeat([]func(*schemas.Event){asIs}, events)...)
		b.Choice, b.GPC, b.DNT = choice, gpc, dnt
		e.post(encode(t, b), headers...)
		if disagree {
			counted++
		}
		if got := e.metric("heed_collector_consent_disagreements_total"); got != fmt.Sprint(counted) {
			t.Fatalf("choice %q, %d events, gpc %t, dnt %t, %q: disagreements = %s, want %d", choice, events, gpc, dnt, headers, got, counted)
		}
	}
	all, old := sealed(consent.All), grant(consent.All)
	old.Notice = "12345678"
	f(all, 1, false, false, false)
	f(all, 1, true, false, false, "Sec-GPC", "1")  // both honour it
	f(all, 1, false, false, true, "Sec-GPC", "1")  // the page's script did not see it
	f(all, 0, false, true, false, "DNT", "1")      // both refuse, and no event came
	f(all, 3, false, true, true, "DNT", "1")       // it sent events all the same: once a request
	f(old.String(), 0, false, false, false)        // it does not count there, either
	f(grant(0).String(), 0, false, false, false)   // refused
	f("", 1, false, false, true)                   // the browser took silence for a yes
	f(sealedFor("shop", 9), 0, false, false, true) // it cannot know the key
	if got := e.metric("heed_collector_seals_forged_total"); got != "1" {
		t.Errorf("forged seals = %s, want 1", got)
	}
}

// anonymousFields are the only fields of an anonymous page view that may be set; design.md §4 names them. The rest of
// the list is what the promise to say by what right a row is there, and the loader, need.
var anonymousFields = []string{
	"Anonymous", "Browser", "Categories", "Country", "Device", "Host", "Id", "Jurisdiction", "Kind", "MatrixVersion",
	"Path", "ReceivedMs", "ReferrerHost", "RetentionMonths", "Retried", "Site", "TimeMs",
	"UtmCampaign", "UtmContent", "UtmMedium", "UtmSource", "UtmTerm", "Version",
}

func TestAnonymousPageViewIsReduced(t *testing.T) {
	site := testSite()
	site.AnonymousCount, site.Exemption = true, true
	e := start(t, collector.Config{Sites: []collector.Site{site}, TrustedProxies: loopback})
	b := batchOfEverything()
	b.Choice = ""
	a := e.post(encode(t, b), "X-Forwarded-For", zurichIP, "Cookie", "heed_v_k1="+strings.Repeat("cd", 16))
	if got := a.codes(t); !slices.Equal(got, []schemas.Code{schemas.NoConsent, schemas.NoConsent, schemas.NoConsent}) {
		t.Errorf("rejected = %v, want no_consent for all but the page", got)
	}
	got := e.stored()
	if len(got) != 1 {
		t.Fatalf("stored %d events, want 1", len(got))
	}
	if set := setFields(got[0]); !slices.Equal(set, anonymousFields) {
		t.Errorf("set fields = %q,\nwant %q", set, anonymousFields)
	}
	if got[0].Country != "CH" || got[0].Path != "/pricing" || got[0].Categories != uint32(consent.Essential|consent.Functional) { // as Switzerland allows before a choice
		t.Errorf("stored = %v", got[0])
	}
}

// kinds are those of events, in the order of batchOfEverything.
var kinds = []schemas.Kind{schemas.Page, schemas.Engagement, schemas.Custom, schemas.Form}

// batchOfEverything has an event of each kind with every field of the wire format, also those of other kinds.
func batchOfEverything() schemas.Batch {
	everything := func(ev *schemas.Event) {
		ev.URL += "?utm_source=a&utm_medium=b&utm_campaign=c&utm_term=d&utm_content=e&gclid=f&id=g#h"
		ev.Referrer, ev.View, ev.Engaged = "https://search.example/?q=1", newID(), 5
		ev.Name, ev.Form, ev.Props = "n", "f", map[string]string{"k": "v"}
		ev.Anonymous = []string{newID()}
	}
	b := batch(everything, everything, everything, everything)
	for i, kind := range kinds {
		b.Events[i].Kind = kind
	}
	b.Visitor, b.Retried = strings.Repeat("ab", 16), true
	return b
}

// setFields are the names of an envelope's fields that are set, sorted.
func setFields(envelope *schemas.Envelope) (set []string) {
	value := reflect.ValueOf(envelope).Elem()
	for i := range value.NumField() {
		if field := value.Type().Field(i); field.IsExported() && !value.Field(i).IsZero() {
			set = append(set, field.Name)
		}
	}
	slices.Sort(set)
	return set
}

// Every set of categories, with every field of every kind: what is refused is in no envelope.
func TestEachFieldNeedsItsCategory(t *testing.T) {
	basic := slices.DeleteFunc(slices.Clone(anonymousFields), func(name string) bool { return name == "Anonymous" })
	measured := append(basic, "AnonymousIds", "Network", "NetworkOwner", "Notice", "Os", "Record", "Region", "View", "Visitor")
	own := map[schemas.Kind][]string{
		schemas.Engagement: {"EngagedMs"}, schemas.Custom: {"Name", "Props"}, schemas.Form: {"Form"},
	}
	for granted := consent.Essential; granted <= consent.All; granted += 2 {
		for _, counts := range []bool{false, true} {
			site := testSite()
			site.AnonymousCount, site.Exemption = counts, counts
			e := start(t, collector.Config{Sites: []collector.Site{site}, TrustedProxies: loopback})
			b := batchOfEverything()
			b.Choice = seal(grant(granted), record.ID{7})
			e.post(encode(t, b), "X-Forwarded-For", zurichIP, "Cookie", "heed_v_k1="+strings.Repeat("cd", 16)).result(t)
			got := e.stored()
			if !granted.Has(consent.Performance) {
				if len(got) > 0 { // an answer is no silence: nothing is counted, either
					t.Errorf("with %s, counting %t: stored %v, want nothing", granted, counts, got)
				}
				continue
			}
			if len(got) != len(kinds) {
				t.Fatalf("with %s: stored %d events, want %d", granted, len(got), len(kinds))
			}
			for i, kind := range kinds {
				want := append(slices.Clone(measured), own[kind]...)
				if granted.Has(consent.Advertising) {
					want = append(want, "ClickId", "ClickIdKind")
				}
				slices.Sort(want)
				if set := setFields(got[i]); !slices.Equal(set, want) {
					t.Errorf("%s with %s, counting %t: set fields = %q,\nwant %q", kind, granted, counts, set, want)
				}
			}
		}
	}
}

func TestAnonymousCountHasItsConditions(t *testing.T) {
	f := func(count, exemption bool, choice string, want int, headers ...string) {
		t.Helper()
		site := testSite()
		site.AnonymousCount, site.Exemption = count, exemption
		e := start(t, collector.Config{Sites: []collector.Site{site}})
		b := batch(asIs)
		b.Choice = choice
		e.post(encode(t, b), headers...)
		if got := len(e.stored()); got != want {
			t.Errorf("count %t, exemption %t, choice %q, headers %q: stored %d, want %d", count, exemption, choice, headers, got, want)
		}
	}
	f(true, true, "", 1)
	f(false, true, "", 0)
	f(true, false, "", 0)
	f(true, true, grant(0).String(), 0) // a refusal is an objection
	f(true, true, "", 0, "Sec-GPC", "1")
	f(true, true, "", 0, "DNT", "1")
}

func TestMeasuredEventHasPlaceAndNetwork(t *testing.T) {
	e := start(t, collector.Config{TrustedProxies: loopback})
	f := func(forwarded, country string) {
		t.Helper()
		e.post(encode(t, batch(asIs)), "X-Forwarded-For", forwarded)
		_ = country
	}
	want := []string{"CH", "", "CH", "CH", "", "CH", ""}
	f(zurichIP, "CH")
	f(unknownIP, "")
	f(unknownIP+", "+zurichIP, "CH")             // the last hop counts, the first is the client's own text
	f("garbage, "+zurichIP+" , 127.0.0.7", "CH") // trusted hops are passed over
	f(zurichIP+", garbage", "")
	f(zurichIP+",", "CH") // an empty element of a list does not count: RFC 9110, 5.6.1
	f("", "")             // the proxy itself
	for i, ev := range e.stored() {
		if ev.Country != want[i] {
			t.Errorf("stored[%d]: country = %q, want %q", i, ev.Country, want[i])
		}
		if ev.Country == "CH" && (ev.Region != "Zurich" || ev.Network != 3303 || ev.NetworkOwner != "Bluewin") {
			t.Errorf("stored[%d] = %v", i, ev)
		}
	}
}

func TestForwardedForNeedsTrust(t *testing.T) {
	e := start(t, collector.Config{})
	e.post(encode(t, batch(asIs)), "X-Forwarded-For", zurichIP)
	if got := e.stored(); len(got) != 1 || got[0].Country != "" {
		t.Errorf("stored = %v, want an unknown place", got)
	}
}

func TestVisitorCookie(t *testing.T) {
	e := start(t, collector.Config{})
	inBody, inCookie := strings.Repeat("ab", 16), strings.Repeat("cd", 16)
	granted := func(visitor string, headers ...string) string {
		t.Helper()
		b := batch(asIs)
		b.Visitor = visitor
		return e.post(encode(t, b), headers...).header.Get("Set-Cookie")
	}
	first := granted(inBody)
	if want := "heed_v_k1=" + inBody + "; max-age=34128000; path=/; HttpOnly; secure; SameSite=Lax"; first != want {
		t.Errorf("Set-Cookie = %q, want %q", first, want)
	}
	if got := granted(inBody, "Cookie", "heed_v_k1="+inCookie); got != "" {
		t.Errorf("Set-Cookie = %q, want none: the cookie beats the body and is not prolonged", got)
	}
	if got := granted("", "Cookie", "heed_v_k1="+inCookie); got != "" {
		t.Errorf("Set-Cookie = %q, want none", got)
	}
	if got := granted(inBody, "Cookie", "heed_v_k1=nonsense"); got != first {
		t.Errorf("Set-Cookie = %q, want the malformed one replaced", got)
	}
	if got := granted(""); !regexp.MustCompile(`^heed_v_k1=[0-9a-f]{32}; `).MatchString(got) {
		t.Errorf("Set-Cookie = %q, want a new random id", got)
	}
	if got := granted(inBody, "Origin", "http://localhost:8080"); strings.Contains(got, "secure") {
		t.Errorf("Set-Cookie = %q, want it without Secure on plain HTTP", got)
	}
	visitors := map[string]int{}
	for _, ev := range e.stored() {
		visitors[hex.EncodeToString(ev.Visitor)]++
	}
	if len(visitors) != 3 {
		t.Errorf("visitors = %v, want those of body, cookie and the random one", visitors)
	}
}

func TestVisitorCookieIsExpiredWithoutGrant(t *testing.T) {
	e := start(t, collector.Config{})
	b := batch(asIs)
	b.Choice = ""
	a := e.post(encode(t, b), "Cookie", "heed_v_k1="+strings.Repeat("cd", 16))
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 || cookies[0].Value != "" || !cookies[0].Expires.Before(time.Now()) || cookies[0].Path != "/" {
		t.Errorf("Set-Cookie = %q, want the cookie expired", a.header.Get("Set-Cookie"))
	}
}

func TestVisitorsOfTwoSitesNeverMeet(t *testing.T) {
	one, two := testSite(), testSite()
	two.ID, two.Key, two.Notices, two.VisitorKey = "other", "k2", nil, slices.Repeat([]byte{9}, 32)
	e := start(t, collector.Config{Sites: []collector.Site{one, two}})
	b := batch(asIs)
	b.Visitor = strings.Repeat("ab", 16)
	e.post(encode(t, b))
	b.Choice = grant(consent.Performance).Seal(two.SealKey, two.ID, [16]byte{1}).String()
	e.do(http.MethodPost, "/h/k2/urgent", encode(t, b), "Content-Type", "application/json").result(t)
	got := e.stored()
	if len(got) != 2 || got[0].Site != "shop" || got[1].Site != "other" || slices.Equal(got[0].Visitor, got[1].Visitor) {
		t.Errorf("stored = %v, want two sites and two visitors", got)
	}
}
