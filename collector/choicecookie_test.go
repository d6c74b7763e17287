package collector_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/schemas"
)

const (
	chromeAgent  = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
	chromeOnIOS  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/143.0.0.0 Mobile/15E148 Safari/604.1"
	firstParty   = "www.shop.example"
	elsewhere    = "collector.example"
	cookieDomain = "shop.example"
)

// choiceCookies are those of the answer to a batch that set the choice.
func choiceCookies(e *edge, host, agent, cookie string, b schemas.Batch) (list []string) {
	e.t.Helper()
	for _, set := range e.firstParty(host, encode(e.t, b), "User-Agent", agent, "Cookie", cookie) {
		if strings.HasPrefix(set, "heed=") {
			list = append(list, set)
		}
	}
	return list
}

func TestChoiceCookieIsRenewed(t *testing.T) {
	site := testSite()
	site.ChoiceDomain = cookieDomain
	e := start(t, collector.Config{Sites: []collector.Site{site}})
	rules := consent.BrowserRules(consent.Place{}, consent.Site{})
	f := func(host, agent, cookie string, b schemas.Batch, want string) {
		t.Helper()
		left := rules.Days()
		if b.Consent == nil {
			left-- // of yesterday's
		}
		got := choiceCookies(e, host, agent, cookie, b)
		if want == "" && len(got) == 0 {
			return
		}
		attributes := "; max-age=" + strconv.Itoa(left*86400) + "; path=/; domain=shop.example; secure; SameSite=Lax"
		if len(got) != 1 || want == "" || got[0] != "heed="+want+attributes {
			t.Errorf("at %s with %.40s and %q: Set-Cookie = %q, want %q", host, agent, cookie, got, want)
		}
	}
	yesterday := grant(consent.Performance)
	yesterday.Day--
	view, text := batch(asIs), seal(yesterday, record.ID{7})
	view.Choice = text
	f(firstParty, userAgent, "heed="+text, view, text)
	f(firstParty, chromeOnIOS, "heed="+text, view, text)
	f(firstParty, chromeAgent, "heed="+text, view, "") // it keeps what scripts write
	f(elsewhere, userAgent, "heed="+text, view, "")    // the page would never see it
	f(firstParty, userAgent, "", view, "")
	f(firstParty, userAgent, "heed="+grant(0).String(), view, "") // another tab has refused meanwhile
	f(firstParty, userAgent, "heed="+sealedFor("other"), view, "")
	today := view
	today.Choice = sealed(consent.Performance)
	f(firstParty, userAgent, "heed="+today.Choice, today, "") // it was set when it was made
	only := view
	only.Events = slices.Clone(view.Events)
	only.Events[0].Kind, only.Events[0].Form = schemas.Form, "f"
	f(firstParty, userAgent, "heed="+text, only, "") // no visit

	// With each choice, whatever the browser; the script has kept it as one that is not told yet.
	unsent := grant(0)
	unsent.Unsent = true
	refused := answered(schemas.ConsentReject, grant(0))
	f(firstParty, chromeAgent, "heed="+unsent.String(), refused, grant(0).String())
	granted := answered(schemas.ConsentAccept, grant(consent.All))
	f(firstParty, chromeAgent, "heed="+grant(consent.All).String(), granted, seal(grant(consent.All), idOf(t, granted.Consent)))
	f(firstParty, chromeAgent, "heed="+unsent.String(), granted, "") // another tab has refused meanwhile
}

func TestChoiceCookieOfOneHost(t *testing.T) {
	e := start(t, collector.Config{})
	view, yesterday := batch(asIs), grant(consent.Performance)
	yesterday.Day--
	view.Choice = seal(yesterday, record.ID{7})
	if got := choiceCookies(e, "shop.example:443", userAgent, "heed="+view.Choice, view); len(got) != 1 || strings.Contains(got[0], "domain") {
		t.Errorf("on the page's host: Set-Cookie = %q, want one of this host alone", got)
	}
	if got := choiceCookies(e, firstParty, userAgent, "heed="+view.Choice, view); len(got) > 0 {
		t.Errorf("on another host: Set-Cookie = %q, want none", got)
	}
}

func TestChoiceCookieIsNotSetBeforeItIsKept(t *testing.T) {
	e := start(t, collector.Config{})
	e.failedConsent.err = errFailed
	if got := choiceCookies(e, "shop.example", userAgent, "heed="+grant(0).String(), answered(schemas.ConsentReject, grant(0))); len(got) > 0 {
		t.Errorf("of a record that could not be kept: Set-Cookie = %q, want none", got)
	}
}
