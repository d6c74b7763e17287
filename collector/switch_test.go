package collector_test

import (
	"strings"
	"testing"
	"time"

	"heed/collector"
)

// While a wall is switched off its site has other loaders and gpc.json says no; that ends by itself, and at a word.
func TestSwitchOffEndsByItself(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	site := withLoaders(testSite())
	site.GPC = true
	e := start(t, collector.Config{Sites: []collector.Site{site}, Now: func() time.Time { return now }})
	others := withLoaders(testSite()).Loaders
	for i := range others {
		others[i].File.Plain, others[i].File.ETag = []byte("off"), `"off"`
	}
	check := func(when, gpc string, off bool) {
		t.Helper()
		if body := e.get("/h/k1/loader.js").body; (body == "off") != off {
			t.Errorf("%s the loader is %q, off: want %v", when, body, off)
		}
		if body := e.get("/h/k1/gpc.json").body; !strings.HasPrefix(body, `{"gpc":`+gpc) {
			t.Errorf("%s gpc.json is %s, want %s", when, body, gpc)
		}
	}
	switchOff := func(loaders []collector.Loader) {
		t.Helper()
		if err := e.c.SwitchOff(site.ID, loaders, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	check("before", "true", false)
	switchOff(others)
	check("then", "false", true)
	now = now.Add(59 * time.Minute)
	check("within the hour", "false", true)
	now = now.Add(time.Minute)
	check("after the hour", "true", false)
	switchOff(others)
	switchOff(nil)
	check("at a word", "true", false)
	if err := e.c.SwitchOff("none", others, now); err == nil {
		t.Error("SwitchOff of no site: want error")
	}
	if err := e.c.SwitchOff(site.ID, others[:1], now.Add(time.Hour)); err == nil {
		t.Error("SwitchOff without a loader for each place: want error")
	}
}
