package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// run runs a command of heed beside the fleet's processes, with settings of its own data folder.
func (f *fleet) run(command string, more ...string) (status int, stdout, stderr string) {
	f.t.Helper()
	args := append(strings.Fields(command), f.role("command", 0)[1:]...)
	return runHeed(f.t, nil, append(args, more...)...)
}

// wantRun runs a command that must end well and print a text.
func (f *fleet) wantRun(want, command string, more ...string) string {
	f.t.Helper()
	status, out, errs := f.run(command, more...)
	if status != exitOK || !strings.Contains(out, want) {
		f.t.Errorf("heed %s %v = %d, %q, %q, want 0 with %q", command, more, status, out, errs, want)
	}
	return out
}

// wantRefusal runs a command that must fail and say why.
func (f *fleet) wantRefusal(want, command string, more ...string) {
	f.t.Helper()
	status, out, errs := f.run(command, more...)
	if status == exitOK || !strings.Contains(errs, want) {
		f.t.Errorf("heed %s %v = %d, %q, %q, want a failure with %q", command, more, status, out, errs, want)
	}
}

// TestClusterPoisoned: an event that can be no row becomes a dead letter and holds nobody up. An operator finds it,
// looks at it, tries it again and drops it.
func TestClusterPoisoned(t *testing.T) {
	f := newSharedFleet(t)
	f.start(1, 1)
	f.send()
	f.plant(&schemas.Envelope{Version: schemas.EventVersion, Site: "kill", Id: []byte("short"), Kind: "page"})
	f.dead = 1
	f.awaitMore(t, 200)
	var list string
	for deadline := time.Now().Add(startTimeout); !strings.Contains(list, "16 bytes"); pause(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("heed deadletter list has %q, want the event that was planted", list)
		}
		_, list, _ = f.run("deadletter list")
	}
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "POSITION") || !strings.Contains(lines[1], "waiting") {
		t.Fatalf("heed deadletter list = %q, want a head and one letter that waits", list)
	}
	at := strings.Fields(lines[1])[0]
	f.wantRun("short", "deadletter show", "--at", at)
	f.wantRun(`"site":"kill"`, "deadletter list", "--json")
	f.wantRun("no dead letters", "deadletter list", "--reason", "of the moon")
	f.wantRefusal("there is no such dead letter", "deadletter show", "--at", at+"7")
	f.wantRun("dropped "+at, "deadletter drop", "--at", at)
	f.wantRun("no dead letters", "deadletter list")
	f.wantRun("dropped", "deadletter list", "--all")
	f.wantRun("0 stored, 0 were stored already, 0 stay", "deadletter replay")
	f.finish()
}

// TestClusterReplay: a replay from the beginning onto full tables adds nothing; after rows were lost it brings back all
// of them, each once. While somebody loads, it refuses.
func TestClusterReplay(t *testing.T) {
	f := newSharedFleet(t)
	f.start(1, 1)
	f.send()
	f.awaitMore(t, 500)
	f.stopClients()
	f.clients.Wait()
	f.awaitRest()
	span := []string{"--from", "2026-11-01T00:00:00Z", "--to", "2026-12-31T00:00:00Z"}
	f.wantRefusal("stop every heed load", "replay", span...)
	f.awaitNoLag() // what a loader that stops leaves planned is not the replay's
	f.loaders[0].running.stop()
	f.wantRun(" 0 added", "replay", span...)
	f.exec("ALTER TABLE events DELETE WHERE cityHash64(id) % 2 = 0 SETTINGS mutations_sync = 2")
	left := f.count("SELECT count() FROM events")
	f.wantRun(fmt.Sprintf(" %d added", uint64(len(f.acked))-left), "replay", span...)
	f.wantRun(" 0 added", "replay", span...)
	f.loaders[0].start()
	f.loaders[0].await()
	f.wantRun(fmt.Sprintf("%-24s %12d", "    stored", len(f.acked)), "ledger")
	f.compare()
}

// store opens the fleet's ClickHouse.
func (f *fleet) store() *clickhouse.Store {
	f.t.Helper()
	cfg := newConfig()
	cfg.ClickHouse.DSN = fmt.Sprintf("http://heed:%s@%s/heed", fleetPassword, f.clickhouse.address)
	store, err := openStore(f.t.Context(), cfg, cfg.logger(f.t.Output()))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { store.Close(context.Background()) })
	return store
}

func (f *fleet) exec(sql string) {
	f.t.Helper()
	conn, err := clickhousetest.Connect(f.store())
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(f.t.Context(), sql); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

func (f *fleet) count(sql string) (n uint64) {
	f.t.Helper()
	conn, err := clickhousetest.Connect(f.store())
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRow(f.t.Context(), sql).Scan(&n); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// TestClusterGracefulStop: a loader that is stopped has brought its batches to rest and written down how far it came,
// so the next one has nothing to settle; a collector leaves nothing in its spool.
func TestClusterGracefulStop(t *testing.T) {
	f := newSharedFleet(t)
	f.drain = "90s" // a stop in time is what is tested, on a slow machine too
	f.start(1, 1)
	f.send()
	f.awaitMore(t, 300)
	f.stopClients()
	f.clients.Wait()
	if text := f.collectors[0].running.stop(); !strings.Contains(text, "everything has reached Kafka") {
		t.Errorf("heed collect printed at its stop:\n%s\nwant that everything has reached Kafka", lastLines(text, 5))
	}
	if text := f.loaders[0].running.stop(); !strings.Contains(text, "finished; leaving the consumer group") {
		t.Errorf("heed load printed at its stop:\n%s\nwant that it has finished", lastLines(text, 5))
	}
	for _, m := range []*member{f.loaders[0], f.collectors[0]} {
		m.start()
		m.await()
	}
	f.awaitRest()
	text := fetch(t, f.loaders[0].running.API+"/metrics")
	for _, line := range regexp.MustCompile(`(?m)^heed_load_recoveries_total\{.*$`).FindAllString(text, -1) {
		if !strings.HasSuffix(line, " 0") {
			t.Errorf("the second loader settled batches of the first: %s", line)
		}
	}
	if !strings.Contains(text, `heed_load_recoveries_total{partition="5"} 0`) {
		t.Errorf("the metrics lack the loader of a partition:\n%s", text)
	}
	f.compare()
}

// TestClusterScripts: a script that one collector has built is served by one that starts after it with another
// configuration, and is still there when its builder and its folder are gone.
func TestClusterScripts(t *testing.T) {
	f := newSharedFleet(t)
	f.start(1, 1) // the loader makes the tables
	loader := fetch(t, f.collectors[0].running.Collector+"/kill/heed.js")
	name := regexp.MustCompile(`[0-9a-f]{20}\.js`).FindString(loader)
	if name == "" {
		t.Fatalf("the loader names no script: %s", loader)
	}
	script := fetch(t, f.collectors[0].running.Collector+"/kill/"+name)
	for deadline := time.Now().Add(startTimeout); f.count("SELECT count() FROM bundles") == 0; pause(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the script was never stored")
		}
	}
	other := f.addCollector()
	other.command = append(other.command, "--collector.public_url", "http://other.example")
	other.start()
	other.await()
	if got := fetch(t, other.running.Collector+"/kill/"+name); got != script {
		t.Errorf("another collector serves %d bytes under %s, want the %d of its builder", len(got), name, len(script))
	}
	if loader := fetch(t, other.running.Collector+"/kill/heed.js"); strings.Contains(loader, name) {
		t.Errorf("the other collector's loader names %s, want a script of its own", name)
	}
	newer := regexp.MustCompile(`[0-9a-f]{20}\.js`).FindString(fetch(t, other.running.Collector+"/kill/heed.js"))
	want := fetch(t, other.running.Collector+"/kill/"+newer)
	if got := fetch(t, f.collectors[0].running.Collector+"/kill/"+newer); got != want {
		t.Errorf("a collector that was there before serves %d bytes under %s, want the %d of the newer one", len(got), newer, len(want))
	}
	if answer, err := http.Get(f.collectors[0].running.Collector + "/kill/" + strings.Repeat("0", 20) + ".js"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("GET a script that nobody has built = %v, %v, want 404", answer, err)
	}
	if n := f.count("SELECT uniqExact(hash) FROM bundles"); n < 2 {
		t.Errorf("%d scripts are stored, want those of both", n)
	}
}
