package main

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"
)

// TestPagesReport: a page with the tag that heed tag prints holds back a script that nobody declared, tells its collector,
// and heed hosts shows it; by a link of heed overlay the page shows it, too.
func TestPagesReport(t *testing.T) {
	pages := map[string]string{} // filled in when the collector's address is known
	port := testSite(t, pages)
	collectorPort := freePort(t)
	config := writeConfig(t, `sites:
  - id: shop
    origins: ["http://shop.test:`+port+`"]
    public_url: "http://heed.test:`+collectorPort+`"
    assume_place: DE
    wall: {strength: sealed}
`)
	dir := t.TempDir()
	heed := startHeed(t, dir, "--config", config, "--collector.address", "127.0.0.1:"+collectorPort)
	_, tag, problems := runOn(t, dir, config, "tag", "shop")
	if !strings.Contains(tag, "data-heed") {
		t.Fatalf("heed tag = %q %s", tag, problems)
	}
	pages["shop.test/"] = `<!doctype html><head><script>Math.random = () => 0</script>` + tag + `<script src="http://bad.test:PORT/t.js"></script></head><body>Shop`
	pages["bad.test/t.js"] = `window.ran = true`
	_, link, _ := runOn(t, dir, config, "overlay", "shop")
	browser := openTestChrome(t, chromeConfig{})
	p, err := browser.visit(t.Context(), chromeVisit{url: strings.TrimSpace(link), ask: []string{
		`window.ran === undefined`, `[...document.querySelectorAll('div')].find((one) => one.shadowRoot?.textContent.includes('Heed on this page'))?.shadowRoot.textContent`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var shown string
	_ = json.Unmarshal(p.Answers[1], &shown)
	if string(p.Answers[0]) != "true" || !strings.Contains(shown, "bad.test: script; not declared") || strings.Contains(shown, "older than the configuration") {
		t.Errorf("the page ran it: %s; the overlay says %q; console %q", p.Answers[0], shown, p.Console)
	}
	var got hostReport
	for deadline := time.Now().Add(20 * time.Second); len(got.Held) == 0 && time.Now().Before(deadline); pause(100 * time.Millisecond) {
		_, out, _ := runOn(t, dir, config, "hosts", "shop", "--json")
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("heed hosts = %s: %v", out, err)
		}
	}
	if len(got.Held) != 1 || got.Held[0].Host != "bad.test" || got.Held[0].Why != whyUndeclared || got.Held[0].Kinds[0] != "script" {
		t.Errorf("heed hosts = %+v, want the script of bad.test", got.Held)
	}
	heed.stop()
}

// freePort is one that nothing listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
