package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"heed/consent/classify"
	"heed/pipeline/clickhouse"
	"heed/schemas"
)

func TestHeldHosts(t *testing.T) {
	site := &Site{ID: "shop", Origins: []string{"https://shop.example"}, Wall: wallDeclared{Hosts: []string{"https://img.shop-cdn.example"}}}
	maps := declaredService{Name: "Maps", Hosts: []string{"https://*.maps.example"}}
	maps.ID, maps.Category = "maps", "functional"
	captcha := declaredService{Hosts: []string{"https://www.checks.example/captcha/"}}
	captcha.ID, captcha.Category = "captcha", "essential"
	ads := declaredService{Hosts: []string{"https://a.ads.example"}}
	ads.ID, ads.Category = "ads", "advertising"
	site.Declared.Services = []declaredService{maps, captcha, ads}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f := func(host, want string) {
		t.Helper()
		held := heldHosts(site, []clickhouse.InventoryTotal{
			{Kind: "script", Name: host, Count: 2, First: day, Last: day}, {Kind: "img", Name: host, Count: 3, First: day.AddDate(0, 0, 1), Last: day.AddDate(0, 0, 2)},
		}, classifier)
		if len(held) != 1 || held[0].Count != 5 || fmt.Sprint(held[0].Kinds) != "[img script]" || held[0].First != "2026-11-20" || held[0].Last != "2026-11-22" {
			t.Errorf("heldHosts(%q) = %+v, want one of 5", host, held)
			return
		}
		h := held[0]
		if got := strings.Join([]string{h.Why, h.Service, h.Owner, h.Category, h.Allow}, "|"); got != want {
			t.Errorf("heldHosts(%q) = %s, want %s", host, got, want)
		}
	}
	f("self", whyRedirects+"||||")
	f("a.maps.example", whyRefused+"|maps||functional|")
	f("*.a.maps.example", whyRefused+"|maps||functional|")
	f("maps.example", whyUndeclared+"|||advertising|- {id: maps-advertising, category: advertising, purposes: [WHAT-FOR], hosts: [https://maps.example]}")
	f("b.ads.example", whyUndeclared+"|||advertising|hosts: [https://a.ads.example, https://b.ads.example] # of the service ads")
	f("ads.checks.example", whyUndeclared+"|||advertising|- {id: checks, category: advertising, purposes: [WHAT-FOR], hosts: [https://ads.checks.example]}")
	f("www.checks.example", whyUndeclared+"|||advertising|- {id: checks, category: advertising, purposes: [WHAT-FOR], hosts: [https://www.checks.example]}")
	f("img.shop-cdn.example", whyListed+"||||")
	f("www.shop.example", whyListed+"||||")
	f("x.unknown.example", whyUndeclared+"|||advertising|- {id: unknown, category: advertising, purposes: [WHAT-FOR], hosts: [https://x.unknown.example]}")
	f("bat.bing.com", whyUndeclared+"||Microsoft|advertising|- {id: bing, category: advertising, purposes: [WHAT-FOR], hosts: [https://bat.bing.com]}")
}

func TestCoversHost(t *testing.T) {
	f := func(source, host string, want bool) {
		t.Helper()
		if got := coversHost(source, host); got != want {
			t.Errorf("coversHost(%q, %q) = %v, want %v", source, host, got, want)
		}
	}
	f("https://a.example", "a.example", true)
	f("https://a.example:8443/lib/", "a.example", true)
	f("https://a.example", "b.a.example", false)
	f("https://a.example", "*.a.example", false)
	f("https://*.a.example", "a.example", false)
	f("https://*.a.example", "b.a.example", true)
	f("https://*.a.example", "*.a.example", true)
	f("https://*.a.example", "*.c.a.example", true)
	f("https://*.a.example", "xa.example", false)
}

// names is a DNS of a few names.
type names map[string]string

func (n names) LookupCNAME(ctx context.Context, host string) (string, error) {
	if to, found := n[host]; found {
		return to, ctx.Err()
	}
	return "", errors.New("no such host")
}

func TestLeaving(t *testing.T) {
	dns := names{"stats.shop.example": "shop.sc.omtrdc.net.", "img.shop.example": "lb.shop.example.", "shop.example": "shop.example."}
	got := leaving(t.Context(), []string{"https://stats.shop.example", "https://*.img.shop.example", "https://shop.example", "https://gone.shop.example"}, dns)
	if want := "[{stats.shop.example shop.sc.omtrdc.net}]"; fmt.Sprint(got) != want {
		t.Errorf("leaving = %v, want %s", got, want)
	}
}

func TestNotHeld(t *testing.T) {
	f := func(strength schemas.Wall, part string, frames ...string) {
		t.Helper()
		got := strings.Join(notHeldBy(&wallDeclared{Strength: string(strength), Frames: frames}), "\n")
		if !strings.Contains(got, part) || strength == schemas.WallHeader && strings.Contains(got, "workers") {
			t.Errorf("notHeldBy(%q) = %q, want %q in it, and no workers under header", strength, got, part)
		}
	}
	f(schemas.WallOff, "everything")
	f(schemas.WallTag, "preload scanner")
	f(schemas.WallSealed, "service workers by URL")
	f(schemas.WallSealed, "frames of the same origin")
	f(schemas.WallSealed, "Link: preload")
	f(schemas.WallHeader, "preconnect")
	f(schemas.WallHeader, "pages below /checkout, /pay", "/checkout", "/pay")
}
