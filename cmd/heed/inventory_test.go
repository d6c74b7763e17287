package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stockConfig is a site whose pages report.
const stockConfig = `sites:
  - id: shop
    origins: [https://shop.example]
    assume_place: DE
    purposes:
      - {id: directions, name: Directions, category: functional, retention_days: 30}
    services:
      - {id: maps, category: functional, purposes: [directions], hosts: [https://maps.example], stores: [map_zoom]}
`

// runOn runs a command of heed on a data folder and a configuration.
func runOn(t *testing.T, dir, config string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	env := map[string]string{"HEED_CLICKHOUSE_LIBRARY": libraryPath(t)}
	return runHeed(t, env, append(args, "--data.dir", dir, "--config", config)...)
}

func writeConfig(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "heed.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestHostsShowWhatWasHeld: what pages report is shown while heed serve runs and after it, and names of visitors who have
// not agreed are not.
func TestHostsShowWhatWasHeld(t *testing.T) {
	dir, config := t.TempDir(), writeConfig(t, stockConfig)
	heed := startHeed(t, dir, "--config", config)
	report := func() {
		t.Helper()
		const body = `{"v":1,"sent":1760000000010,"events":[],"names":[{"name":"_ga","place":"cookie"}],"held":[{"host":"bat.bing.com","kind":"script"},
			{"host":"bat.bing.com","kind":"img"},{"host":"maps.example","kind":"frame"},{"host":"self","kind":"img"},{"host":"10.0.0.1","kind":"img"}]}`
		r, err := http.NewRequest(http.MethodPost, heed.Collector+"/shop/ordinary", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://shop.example")
		r.Header.Set("Content-Type", "text/plain")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			t.Fatalf("POST = %s, want 202", answer.Status)
		}
	}
	hosts := func(pages uint64) {
		t.Helper()
		status, out, problems := runOn(t, dir, config, "hosts", "shop", "--json")
		var got hostReport
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != exitOK {
			t.Fatalf("heed hosts = %d, %v: %s%s", status, err, out, problems)
		}
		why := map[string]string{}
		for _, h := range got.Held {
			why[h.Host] = h.Why
		}
		if len(got.Held) != 3 || got.Held[0].Host != "bat.bing.com" || got.Held[0].Count != 2*pages || why["maps.example"] != whyRefused ||
			why["self"] != whyRedirects || why["bat.bing.com"] != whyUndeclared {
			t.Errorf("heed hosts = %s, want three hosts of %d pages", out, pages)
		}
	}
	report()
	hosts(1)
	report()
	heed.stop()
	hosts(2)
	_, out, _ := runOn(t, dir, config, "hosts", "shop")
	for _, part := range []string{"(the site itself)", "declared, held back until it is allowed: maps, functional", "hosts: [https://bat.bing.com]}", "service workers by URL"} {
		if !strings.Contains(out, part) {
			t.Errorf("heed hosts = %s, want %q in it", out, part)
		}
	}
	if _, out, problems := runOn(t, dir, config, "cookies", "shop", "--json"); !strings.Contains(out, `"names":[]`) || problems != "" {
		t.Errorf("heed cookies = %s%s, want no name of somebody who was not asked", out, problems)
	}
	if status, _, problems := runOn(t, dir, config, "hosts", "none"); status != exitError || !strings.Contains(problems, `no site "none"`) {
		t.Errorf("heed hosts none = %d %s, want an error that says so", status, problems)
	}
}
