package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"heed/schemas"
	"heed/snippet"
)

// TestOverlayShows: over a page with a strict policy of its own the overlay says what the wall does, and goes when it is closed.
func TestOverlayShows(t *testing.T) {
	site := snippet.Site{ID: "shop", Key: "shop", Endpoint: "/h/shop", Notice: "0a1b2c3d", Wall: snippet.Wall{Strength: schemas.WallSealed}}
	overlay, err := snippet.BuildOverlay(site)
	if err != nil {
		t.Fatal(err)
	}
	const page = `<meta http-equiv="Content-Security-Policy" content="script-src 'self' 'unsafe-inline'; style-src 'none'; require-trusted-types-for 'script'">
		<script data-heed="00000000"></script><body>The page<script>
		window.heed = { consent: { answered: true, functional: false, performance: true, advertising: false } }
		document.cookie = '_x=1'; localStorage.map_zoom = 1; sessionStorage['<b>bold</b>'] = 1
		const seen = (host, of) => ({ blockedURI: 'https://' + host + '/x?id=7', effectiveDirective: of })
		const held = [seen('cdn.bad.example', 'script-src-elem'), seen('cdn.bad.example', 'img-src'), seen('maps.example', 'frame-src'), { blockedURI: location.href, effectiveDirective: 'img-src' }]
		const trust = trustedTypes.createPolicy('heed', { createScriptURL: (url) => url })
		const script = document.createElement('script')
		script.heed = { stub: { strength: 'sealed', held, services: [['maps', 2, 0, ' maps.example', 'map_zoom other_*']], rules: 0x3000 } }
		script.src = trust.createScriptURL('/overlay.js')
		document.head.append(script)</script>`
	port := testSite(t, map[string]string{"shop.test/": page, "shop.test/overlay.js": string(overlay.Plain)})
	const box = `[...document.querySelectorAll('div')].find((one) => one.shadowRoot)`
	p, err := openTestChrome(t, chromeConfig{}).visit(t.Context(), chromeVisit{url: "http://shop.test:" + port + "/", ask: []string{
		box + `.shadowRoot.textContent`, `getComputedStyle(` + box + `.shadowRoot.querySelector('section')).position`,
		box + `.shadowRoot.querySelector('section > button').click()`, `!!` + box,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var text, position string
	if err := json.Unmarshal(p.Answers[0], &text); err != nil {
		t.Fatalf("the overlay says %s: %v; console %q", p.Answers[0], err, p.Console)
	}
	_ = json.Unmarshal(p.Answers[1], &position)
	for _, part := range []string{
		"Wall: sealed", "answered; allowed: essential, performance", "consent comes first", "older than the configuration", "Held back: 3",
		"cdn.bad.example: script, img; not declaredhosts: [https://cdn.bad.example]", "maps.example: frame; declared by maps, not allowed yet",
		"this site, which redirects elsewhere: img", "Cookies and keys: 3, 2 not declared", "_x (cookie): not declaredstores: [_x]",
		"map_zoom (local): maps, functional", "<b>bold</b> (session): not declared",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the overlay says %q, want %q in it", text, part)
		}
	}
	if position != "fixed" || string(p.Answers[3]) != "false" {
		t.Errorf("the overlay is %q and after Close there: %s, want fixed and gone", position, p.Answers[3])
	}
	if strings.Contains(text, "id=7") {
		t.Errorf("the overlay says %q, want no address", text)
	}
}

// TestOverlayLink: a link that heed overlay prints loads the overlay from a heed serve on the same folder, and no other does.
func TestOverlayLink(t *testing.T) {
	dir, config := t.TempDir(), writeConfig(t, stockConfig)
	if status, _, problems := runOn(t, dir, config, "overlay"); status != exitError || !strings.Contains(problems, "there is no secret in") {
		t.Errorf("heed overlay = %d %s, want an error: there is no secret yet", status, problems)
	}
	heed := startHeed(t, dir, "--config", config)
	_, out, problems := runOn(t, dir, config, "overlay", "shop")
	link := regexp.MustCompile(`^https://shop\.example/#heed-overlay=([0-9]+\.[0-9a-f]{32})\n$`).FindStringSubmatch(out)
	if link == nil {
		t.Fatalf("heed overlay = %q %s, want a link to the site", out, problems)
	}
	f := func(token string, status int) {
		t.Helper()
		answer, err := http.Get(heed.Collector + "/shop/overlay.js?t=" + token)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("overlay with %q = %s, want %d", token, answer.Status, status)
		}
	}
	f(link[1], http.StatusOK)
	f(link[1][:len(link[1])-1], http.StatusNotFound)
	off := writeConfig(t, strings.Replace(stockConfig, "    assume_place", "    wall: {strength: off}\n    assume_place", 1))
	if status, _, problems := runOn(t, dir, off, "overlay", "shop"); status != exitError || !strings.Contains(problems, "wall.strength is off") {
		t.Errorf("heed overlay without a wall = %d %s, want an error that says so", status, problems)
	}
}
