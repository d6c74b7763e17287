package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runCapacityCommand runs the command as a terminal would.
func runCapacityCommand(t *testing.T, args ...string) (status int, output string) {
	t.Helper()
	var out bytes.Buffer
	p := &program{getenv: func(string) string { return "" }, stdin: os.Stdin, stdout: &out, stderr: &out, now: time.Now}
	return p.run(t.Context(), append([]string{"capacity"}, args...)), out.String()
}

const capacityDocument = "../../deploy/CAPACITY.md"

// capacityBlock is a block of the document that begins with the command it shows.
var capacityBlock = regexp.MustCompile("(?s)```\n\\$ heed capacity ([^\n]*)\n.*?```")

// TestCapacityDocument: the document shows what the command prints; -update rewrites it.
func TestCapacityDocument(t *testing.T) {
	text, err := os.ReadFile(capacityDocument)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	want := capacityBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		blocks++
		args := capacityBlock.FindStringSubmatch(block)[1]
		status, output := runCapacityCommand(t, strings.Fields(args)...)
		if status != exitOK {
			t.Fatalf("heed capacity %s = %d: %s", args, status, output)
		}
		return "```\n$ heed capacity " + args + "\n" + output + "```"
	})
	if blocks < 4 {
		t.Errorf("%d blocks are shown, want the measured figures and three rates", blocks)
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what heed capacity prints; go test ./cmd/heed -run Capacity -update rewrites it", capacityDocument)
	}
	if err := os.WriteFile(capacityDocument, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCapacityFailure(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		if status, output := runCapacityCommand(t, args...); status != exitUsage {
			t.Errorf("heed capacity %v = %d, want %d: %s", args, status, exitUsage, output)
		}
	}
	f("--events", "0")
	f("--events", "NaN")
	f("--events", "many")
	f("--batch", "51")
	f("--months", "-1")
	f("--disk_tb", "0")
}

// TestPlanFor: the figures of a small sum that can be checked by hand.
func TestPlanFor(t *testing.T) {
	k := measurements{
		collectOne: measured{value: 100}, collectTen: measured{value: 19}, // 90 a request and 10 an event
		requestBytes: measured{value: 1000}, bodyBytes: measured{value: 100}, logBytes: measured{value: 200},
		ship: measured{value: 5}, kafkaBytes: measured{value: 50},
		read: measured{value: 0.5}, loaded: measured{value: 5.5}, bare: measured{value: 4}, loadRate: measured{value: 1000}, storedBytes: measured{value: 10},
	}
	d := demand{
		events: 10_000, batch: 2, mean: 0.5, months: 1, outage: time.Hour, retention: 10 * time.Hour, brokers: 3, replicas: 2,
	}
	m := machine{cores: 1, disk: 1e9, network: 1e8, use: 0.5, full: 0.5}
	p := planFor(d, m, k)
	f := func(what string, got, want float64) {
		t.Helper()
		if diff := got - want; diff > 1e-6*want || diff < -1e-6*want {
			t.Errorf("%s = %v, want %v", what, got, want)
		}
	}
	f("collectors' cores", p.collectors.cores, 0.6) // 5000 × 90 µs + 10000 × 15 µs
	f("collectors' disk", p.collectors.disk, 7.2e9) // an hour of 10000 × 200 B
	f("a spool", p.spool, 7.2e9/15)
	f("collectors' network", p.collectors.in, 6e6)
	f("collectors", float64(p.collectors.machines), 16) // 7.2 GB on half of 1 GB, and a spare one
	f("Kafka's disk", p.kafka.disk, 27e9)               // 10 h of 5000 × 50 B, three times
	f("loaders' cores", p.loaders.cores, 0.02)
	f("loaders", float64(p.loaders.machines), 2)
	f("ClickHouse's cores", p.clickhouse.cores, 0.16) // two replicas, and as much again for merges
	f("rows", p.rows, 5000*2_629_800)
	f("ClickHouse's disk", p.clickhouse.disk, 5000*2_629_800*20)
	f("partitions", float64(p.partitions), 24) // 20, and a multiple of 12
	if p.collectors.limit != "disk" || p.loaders.limit != "CPU" {
		t.Errorf("the limits are %s and %s, want disk and CPU", p.collectors.limit, p.loaders.limit)
	}
}

var resultRow = regexp.MustCompile(`(?m)^\| (heed(?:, 10 events)?) \| [^|]+ \| ([0-9.]+) ×`)

// TestCapacityMeasured: the model may round what was recorded, and lag a run or two behind, but not tell another story.
func TestCapacityMeasured(t *testing.T) {
	text, err := os.ReadFile("../../bench/RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]float64{}
	for _, row := range resultRow.FindAllStringSubmatch(string(text), -1) {
		if recorded[row[1]], err = strconv.ParseFloat(row[2], 64); err != nil {
			t.Fatal(err)
		}
	}
	k := measuredValues()
	for name, m := range map[string]measured{"heed": k.collectOne, "heed, 10 events": k.collectTen} {
		if ratio := m.value / recorded[name]; !(ratio > 0.6 && ratio < 1.7) {
			t.Errorf("%s is %v %s in the model, %v in bench/RESULTS.md: take the recorded one over", m.what, m.value, m.unit, recorded[name])
		}
	}
}

func TestShort(t *testing.T) {
	f := func(in float64, want string) {
		t.Helper()
		if got := short(in); got != want {
			t.Errorf("short(%v) = %q, want %q", in, got, want)
		}
	}
	f(2, "2")
	f(0.0421, "0.042")
	f(1000, "1000")
	f(61_500, "62 thousand")
	f(1e6, "1 million")
	f(2.6e13, "26 trillion")
}
