package classify_test

import (
	"strings"
	"testing"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

const day = 24 * time.Hour

func classifier(t testing.TB, cfg classify.Config) *classify.Classifier {
	t.Helper()
	cl, err := classify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// small is a table that shows each rule without the noise of the real one.
func small(t testing.TB) *classify.Table {
	return &classify.Table{Shapes: compiled(t).Shapes, Facts: []classify.Fact{
		{Pattern: "basket", Owner: "Shopware", Class: consent.Essential},
		{Pattern: "did", Owner: "Login", Class: consent.Essential},
		{Pattern: "rx", Owner: "Payer", Domains: []string{"payer.example"}, Class: consent.Essential},
		{Pattern: "shared_name", Owner: "Chat", Class: consent.Functional},
		{Pattern: "shared_name", Owner: "Spy", Class: consent.Advertising},
		{Pattern: "spy_*", Owner: "Spy", Domains: []string{"spy.example"}, Class: consent.Advertising},
		{Pattern: "spy_count_*", Owner: "Spy", Domains: []string{"spy.example"}, Class: consent.Performance},
		{Pattern: "sy*", Owner: "Spy", Domains: []string{"spy.example"}, Class: consent.Performance},
		{Pattern: "meter_a", Owner: "Meter", Domains: []string{"meter.example"}, Class: consent.Essential},
		{Pattern: "meter_b", Owner: "Meter", Domains: []string{"meter.example"}, Class: consent.Essential},
		{Pattern: "meter_c", Owner: "Meter", Domains: []string{"meter.example"}, Class: consent.Essential},
		{Pattern: "video_??", Owner: "Player", Domains: []string{"player.example"}, Class: consent.Functional},
	}}
}

func TestClassify(t *testing.T) {
	cl := classifier(t, classify.Config{Table: small(t), Overrides: []classify.Override{
		{Pattern: "spy_mine_*", Class: consent.Functional},
		{Pattern: "m*", Domain: "www.shop.example", Class: consent.Essential},
	}})
	f := func(c classify.Cookie, class consent.Categories, reason classify.Reason, fact string) {
		t.Helper()
		if v := cl.Classify(c); v.Class != class || v.Reason != reason || v.Fact != fact {
			t.Errorf("Classify(%+v) = %+v, want %v by %s %q", c, v, class, reason, fact)
		}
	}
	const page = "www.shop.example"
	f(classify.Cookie{Name: "basket", FirstParty: page}, consent.Essential, classify.ByName, "basket")
	f(classify.Cookie{Name: "BASKET", FirstParty: page}, consent.Essential, classify.ByName, "basket")
	f(classify.Cookie{Name: "rx", Domain: ".payer.example", FirstParty: page}, consent.Essential, classify.ByNameAndOwner, "rx")
	f(classify.Cookie{Name: "rx", Setter: "js.payer.example", FirstParty: page}, consent.Essential, classify.ByNameAndOwner, "rx")
	f(classify.Cookie{Name: "rx", FirstParty: page}, consent.Advertising, classify.ByNothing, "")
	f(classify.Cookie{Name: "did", FirstParty: page}, consent.Advertising, classify.ByShape, "did") // three letters excuse nobody
	f(classify.Cookie{Name: "shared_name", FirstParty: page}, consent.Advertising, classify.ByName, "shared_name")
	f(classify.Cookie{Name: "shared_name", Domain: "spy.example"}, consent.Advertising, classify.ByNameAndOwner, "shared_name")
	f(classify.Cookie{Name: "spy_count_1", FirstParty: page}, consent.Performance, classify.ByPattern, "spy_count_*") // the longest
	f(classify.Cookie{Name: "spy_count_1", Domain: "spy.example"}, consent.Performance, classify.ByPattern, "spy_count_*")
	f(classify.Cookie{Name: "spy_x", FirstParty: page}, consent.Advertising, classify.ByNothing, "") // short, no domain
	f(classify.Cookie{Name: "spy_x", Domain: "spy.example"}, consent.Advertising, classify.ByPattern, "spy_*")
	f(classify.Cookie{Name: "sy1", Domain: "a.b.spy.example"}, consent.Performance, classify.ByPattern, "sy*")
	f(classify.Cookie{Name: "video_A7", FirstParty: page}, consent.Functional, classify.ByPattern, "video_??")
	f(classify.Cookie{Name: "qqq", Domain: "x.spy.example", FirstParty: page}, consent.Advertising, classify.ByHost, "spy.example")
	f(classify.Cookie{Name: "qqq", Domain: "payer.example", FirstParty: page}, consent.Advertising, classify.ByHost, "payer.example") // known too little
	f(classify.Cookie{Name: "qqq", Domain: "meter.example", FirstParty: page}, consent.Performance, classify.ByHost, "meter.example")
	f(classify.Cookie{Name: "qqq", FirstParty: page}, consent.Advertising, classify.ByNothing, "")
	f(classify.Cookie{}, consent.Advertising, classify.ByNothing, "")
	f(classify.Cookie{Name: "spy_mine_1", Domain: "spy.example"}, consent.Functional, classify.ByOverride, "spy_mine_*")
	f(classify.Cookie{Name: "mode", Domain: "shop.example", FirstParty: page}, consent.Essential, classify.ByOverride, "m*")
	f(classify.Cookie{Name: "mode", FirstParty: page}, consent.Essential, classify.ByOverride, "m*")
	f(classify.Cookie{Name: "mode", FirstParty: "https://" + page + ":8443/a"}, consent.Essential, classify.ByOverride, "m*")
	f(classify.Cookie{Name: "basket", Domain: "[2001:db8::1]", FirstParty: "https://[2001:DB8::1]:8443/"}, consent.Essential, classify.ByName, "basket")
	f(classify.Cookie{Name: "spy_count_" + strings.Repeat("a", 2000), FirstParty: page}, consent.Advertising, classify.ByNothing, "")
}

// What a name alone would excuse is not excused where it could be borrowed.
func TestClassifyExcusesNobodyElse(t *testing.T) {
	cl := classifier(t, classify.Config{})
	f := func(c classify.Cookie) {
		t.Helper()
		own := c
		own.Domain, own.Setter, own.FirstParty, own.CrossSite = "", "", "shop.example", false
		own.Value = classify.UnknownValue
		if v := cl.Classify(own); v.Class >= consent.Performance {
			t.Fatalf("Classify(%+v) = %+v, want it excused on the site itself", own, v)
		}
		if v := cl.Classify(c); v.Class < consent.Performance {
			t.Errorf("Classify(%+v) = %+v, want performance or advertising", c, v)
		}
	}
	f(classify.Cookie{Name: "PHPSESSID", Domain: "tracker.example", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "PHPSESSID", Domain: "tracker.example"}) // no page known: a third party's
	f(classify.Cookie{Name: "PHPSESSID", Setter: "tracker.example", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "PHPSESSID", Domain: "https://tracker.example", FirstParty: "https://shop.example/"})
	f(classify.Cookie{Name: "PHPSESSID", Setter: "https://tracker.example/t.js", FirstParty: "https://shop.example/"})
	f(classify.Cookie{Name: "PHPSESSID", Domain: strings.Repeat("a.", 150) + "example", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "PHPSESSID", Domain: "no host", FirstParty: "no host"})
	f(classify.Cookie{Name: "PHPSESSID", Domain: "shop.example@tracker.example", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "CookieConsent", Domain: "ib.adnxs.com", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "zq_csrf_token", Domain: "tracker.example", FirstParty: "shop.example"})
	f(classify.Cookie{Name: "zq_csrf_token", FirstParty: "shop.example", CrossSite: true})
	f(classify.Cookie{Name: "zq_csrf_token", FirstParty: "shop.example", Value: classify.Identifier})
}

func TestClassifyKnown(t *testing.T) {
	cl := classifier(t, classify.Config{})
	f := func(c classify.Cookie, want consent.Categories, owner string) {
		t.Helper()
		c.FirstParty = "shop.example"
		if v := cl.Classify(c); v.Class != want || v.Owner != owner {
			t.Errorf("Classify(%+v) = %+v, want %v of %q", c, v, want, owner)
		}
	}
	f(classify.Cookie{Name: "_ga"}, consent.Performance, "Google")
	f(classify.Cookie{Name: "_ga_AB12CD34EF"}, consent.Performance, "Google")
	f(classify.Cookie{Name: "_fbp"}, consent.Advertising, "Meta")
	f(classify.Cookie{Name: "cto_bundle", Kind: classify.LocalStorage}, consent.Advertising, "Criteo")
	f(classify.Cookie{Name: "IDE", Domain: "doubleclick.net"}, consent.Advertising, "Google")
	f(classify.Cookie{Name: "AWSALB"}, consent.Essential, "Amazon Web Services")
	f(classify.Cookie{Name: "OptanonConsent"}, consent.Essential, "OneTrust")
	f(classify.Cookie{Name: "JSESSIONID"}, consent.Essential, "J2EE")
	f(classify.Cookie{Name: "pll_language"}, consent.Functional, "Polylang")
	f(classify.Cookie{Name: "_hjSessionUser_123456"}, consent.Performance, "Hotjar")
	f(classify.Cookie{Name: "connect.sid"}, consent.Essential, "Express")
	f(classify.Cookie{Name: "heed"}, consent.Essential, "Heed")
	f(classify.Cookie{Name: "heed_v_k1"}, consent.Performance, "Heed")
}

// A session cookie that only the site's server reads is more easily excused.
func TestClassifyHTTPOnly(t *testing.T) {
	cl := classifier(t, classify.Config{})
	open := classify.Cookie{Name: "zq_session", FirstParty: "shop.example", Lifetime: classify.Session}
	hidden := open
	hidden.HTTPOnly = true
	if v := cl.Classify(open); v.Class == consent.Essential {
		t.Errorf("Classify(%+v) = %+v, want it in doubt", open, v)
	}
	if v := cl.Classify(hidden); v.Class != consent.Essential {
		t.Errorf("Classify(%+v) = %+v, want essential", hidden, v)
	}
}

func TestClassifyConflict(t *testing.T) {
	v := classifier(t, classify.Config{Table: small(t)}).Classify(classify.Cookie{Name: "shared_name"})
	if !v.Conflict || v.Class != consent.Advertising || v.Owner != "Spy" || v.Confidence != classify.Medium {
		t.Errorf("Classify of a name that two companies use = %+v, want the stricter, marked, with medium confidence", v)
	}
}

func TestNewFailure(t *testing.T) {
	f := func(o classify.Override, want string) {
		t.Helper()
		_, err := classify.New(classify.Config{Overrides: []classify.Override{o}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New with %+v = %v, want an error with %q", o, err, want)
		}
	}
	f(classify.Override{Class: consent.Essential}, "no name")
	f(classify.Override{Pattern: "a"}, "want exactly one")
	f(classify.Override{Pattern: "a", Class: consent.Essential | consent.Functional}, "want exactly one")
	f(classify.Override{Pattern: "a", Class: 16}, "want exactly one")
	f(classify.Override{Pattern: "abcd*", Class: consent.Essential}, "needs a domain")
	f(classify.Override{Pattern: "*", Domain: " ", Class: consent.Essential}, "needs a domain")
	f(classify.Override{Pattern: "*", Domain: ".", Class: consent.Essential}, "want a host")
	f(classify.Override{Pattern: "*", Domain: "no host", Class: consent.Essential}, "want a host")
}

func FuzzClassify(f *testing.F) {
	f.Add("_ga_AB12CD34EF", ".doubleclick.net", "js.example", "shop.example", int64(400*day), false)
	f.Add("session", "", "", "shop.example", int64(-1), true)
	f.Add("taboola global:x", "co.uk", "[::1]:80", "localhost:80", int64(0), false)
	f.Add(strings.Repeat("aB_9", 300), strings.Repeat("a.", 200), "", "", int64(1), true)
	cl := classifier(f, classify.Config{})
	f.Fuzz(func(t *testing.T, name, domain, setter, page string, lifetime int64, cross bool) {
		c := classify.Cookie{
			Name: name, Domain: domain, Setter: setter, FirstParty: page, Lifetime: time.Duration(lifetime), CrossSite: cross,
		}
		v := cl.Classify(c)
		if v.Class == 0 || v.Class&(v.Class-1) != 0 || !consent.All.Has(v.Class) || v.Confidence.String() == "" || v.Reason == "" {
			t.Errorf("Classify(%+v) = %+v, want one class, a confidence and a reason", c, v)
		}
		if again := cl.Classify(c); again != v {
			t.Errorf("Classify(%+v) = %+v, and then %+v", c, v, again)
		}
		// Where another site has a hand in it, only that site's company can excuse it.
		c.Domain, c.FirstParty = "tracker.example", "shop.example"
		if v := cl.Classify(c); setter == "" && v.Class < consent.Performance {
			t.Errorf("Classify(%+v) = %+v, want no excuse for another site", c, v)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	cl := classifier(b, classify.Config{})
	cookies := []classify.Cookie{
		{Name: "_ga_AB12CD34EF", FirstParty: "shop.example"},
		{Name: "IDE", Domain: ".doubleclick.net", FirstParty: "shop.example"},
		{Name: "some_unknown_visitorId", FirstParty: "www.shop.example", Domain: "shop.example"},
		{Name: strings.Repeat("x1_", 300), FirstParty: "shop.example"},
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		cl.Classify(cookies[i%len(cookies)])
	}
}
