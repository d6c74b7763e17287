package collector_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"heed/collector"
)

func TestValidate(t *testing.T) {
	cfg := collector.Config{Prefix: "/a/b", Sites: []collector.Site{testSite()}}
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate() = %v, want nil", err)
	}
	if err := (collector.Config{}).Validate(); err != nil {
		t.Errorf("Validate() of the zero config = %v, want nil", err)
	}
}

func TestValidateFailure(t *testing.T) {
	f := func(change func(*collector.Config), want ...string) {
		t.Helper()
		cfg := collector.Config{Sites: []collector.Site{testSite()}}
		change(&cfg)
		err := cfg.Validate()
		if err == nil {
			t.Fatalf("Validate() = nil, want %q", want)
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Validate() = %v, want %q", err, part)
			}
		}
		if _, err := collector.New(cfg, collector.Logs{}, nil, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("New: want the error of Validate")
		}
	}
	site := func(change func(*collector.Site)) func(*collector.Config) {
		return func(cfg *collector.Config) { change(&cfg.Sites[0]) }
	}
	origin := func(text string) func(*collector.Config) {
		return site(func(s *collector.Site) { s.Origins = []string{text} })
	}
	f(func(c *collector.Config) { c.Prefix = "h/" }, "prefix")
	f(func(c *collector.Config) { c.Limits.HeaderBytes = 1 }, "header bytes")
	f(func(c *collector.Config) { c.Limits.Connections = -1 }, "connections")
	f(func(c *collector.Config) { c.Limits.ReadTimeout = -time.Second }, "timeouts")
	f(func(c *collector.Config) { c.Sites = append(c.Sites, testSite()) }, "sites[1]", "another site's")
	f(func(c *collector.Config) { c.Sites[0] = collector.Site{} }, "sites[0]: id", "key", "origins", "retention", "seal key", "visitor key", "notice")
	f(site(func(s *collector.Site) { s.RetentionMonths = 256 }), "retention")
	f(site(func(s *collector.Site) { s.Assets[0].Name = "view.gif" }), "assets")
	f(site(func(s *collector.Site) { s.Assets[0].Name = "../x" }), "assets")
	f(site(func(s *collector.Site) { s.Assets = append(s.Assets, s.Assets...) }), "assets")
	f(site(func(s *collector.Site) { s.Assets[0].ETag = "x" }), "etag")
	f(origin("shop.example"), "origins")
	f(origin("https://shop.example/"), "origins")
	f(origin("https://Shop.example"), "origins")
	f(origin("https://shop.example:443"), "origins")
	f(origin("http://shop.example:80"), "origins")
	f(origin("https://user@shop.example"), "origins")
	f(origin("ftp://shop.example"), "origins")
	f(origin("*"), "origins")
	f(origin("null"), "origins")
}
