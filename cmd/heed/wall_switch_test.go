package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"heed/collector"
)

// A switch ends by itself after a day, also where the process was not there meanwhile; one that cannot be kept is not served.
func TestWallSwitchEndsAfterADay(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	e := switchedEdge(t, dir, &now)
	ask := func(q wallQuestion) (string, error) {
		var text bytes.Buffer
		err := e.walls.answer(q, &text)
		return text.String(), err
	}
	off := wallQuestion{Verb: "off", Site: "shop", By: "Wilma", Reason: "payments fail"}
	if said, err := ask(off); err != nil || !strings.Contains(said, "2026-11-23T12:00:00Z") {
		t.Fatalf("heed wall off says %q, %v, want it off for a day", said, err)
	}
	now = now.Add(offFor - time.Second)
	if err := e.openWallSwitch(); err != nil {
		t.Fatal(err)
	}
	if said, _ := ask(wallQuestion{Verb: "show"}); !strings.Contains(said, "Wilma") {
		t.Errorf("within the day heed wall says %q, want who has switched it off", said)
	}
	now = now.Add(time.Second)
	if said, _ := ask(wallQuestion{Verb: "show"}); strings.Contains(said, "Wilma") {
		t.Errorf("after the day heed wall says %q, want it on", said)
	}
	if err := e.openWallSwitch(); err != nil || len(e.walls.off) > 0 {
		t.Errorf("a start after the day has %v off, %v, want nothing", e.walls.off, err)
	}

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if said, err := ask(off); err == nil || len(e.walls.off) > 0 {
		t.Errorf("a switch that cannot be kept says %q, and %v is off, want an error and nothing", said, e.walls.off)
	}
}

// switchedEdge is as much of an edge as a switch needs.
func switchedEdge(t *testing.T, dir string, now *time.Time) *edge {
	t.Helper()
	site := siteOf(t, "sites:\n  - id: shop\n    origins: [https://shop.example]\n", "shop")
	in := &install{Prefix: "/p", secret: make([]byte, secretBytes)}
	built, err := buildSite(*site, "https://shop.example/p/shop", "heed", in)
	if err != nil {
		t.Fatal(err)
	}
	cfg := newConfig()
	cfg.DataDir = dir
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	e := &edge{host: &host{p: &program{now: func() time.Time { return *now }}, cfg: cfg, logger: log}, install: in, sites: []builtSite{built}}
	if e.collector, err = collector.New(e.config(), collector.Logs{}, nil, log); err != nil {
		t.Fatal(err)
	}
	if err := e.openWallSwitch(); err != nil {
		t.Fatal(err)
	}
	return e
}
