package snippet

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// columns of the table are engines.
var columns = []string{"chromium", "firefox", "webkit"}

// firefoxSets are what Firefox may ask for ahead of reading a page that comes in one piece, whatever policy stands at its top (ARCHITECTURE.md, "Deviations").
var firefoxSets = []string{"picture", "srcset"}

// check prints what got through as strength × engine, and fails on what must not have.
func (h *hostile) check(t *testing.T) {
	h.runsMu.Lock()
	defer h.runsMu.Unlock()
	var table strings.Builder
	fmt.Fprintf(&table, "requests that arrived / of these scripts, frames and sheets that ran / names that the browser keeps\n%-34s", "")
	for _, engine := range columns {
		fmt.Fprintf(&table, "%-16s", engine)
	}
	table.WriteByte('\n')
	for _, row := range h.rows() {
		fmt.Fprintf(&table, "%-34s", strings.ReplaceAll(row, ".", ", "))
		for _, engine := range columns {
			run := h.runs[row+"."+engine]
			if run == nil {
				fmt.Fprintf(&table, "%-16s", "-")
				continue
			}
			h.judge(t, row, engine, run)
			fmt.Fprintf(&table, "%-16s", fmt.Sprintf("%d / %d / %d", len(run.Arrived), len(run.Seen.Ran), len(run.Seen.Stored)+len(run.Jar)))
		}
		table.WriteByte('\n')
	}
	// Browsers give up caches when memory is short, so one run of each that had its page from there is enough.
	for _, kind := range []string{"not-modified", "persisted"} {
		if !slices.ContainsFunc(slices.Collect(maps.Values(h.runs)), func(run *hostileRun) bool { return run.Own[kind] > 0 }) {
			t.Errorf("%s: no page of any visit was, so nothing is proved of such pages", kind)
		}
	}
	t.Logf("\n%s", &table)
	dir := filepath.Join("..", "test-output")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "wall.txt"), []byte(table.String()), 0o644)); err != nil {
		t.Error(err)
	}
}

// rows are the runs that a driver saw, without their engines, in order.
func (h *hostile) rows() []string {
	var rows []string
	for name, run := range h.runs {
		if run.Seen.Ran != nil {
			rows = append(rows, name[:strings.LastIndex(name, ".")])
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// hostileMore is what of the six more ways arrives without a wall, and what tag and sealed do not hold.
var (
	hostileMore = map[string][]string{
		"chromium": {"link-preload", "service-worker", "speculation", "untagged", "web-rtc", "worker"},
		"firefox":  {"link-preload", "service-worker", "untagged", "web-rtc", "worker"},
		"webkit":   {"link-preload", "service-worker", "untagged", "worker"},
	}
	hostileOpen = []string{"link-preload", "service-worker", "untagged", "worker"}
)

// judgeMore does the same for the six more.
func judgeMore(t *testing.T, row, engine string, run *hostileRun) {
	want := map[string][]string{"more.off": hostileMore[engine], "more.tag": hostileOpen, "more.sealed": hostileOpen, "more.header": nil}[row]
	if got := slices.Sorted(maps.Keys(run.Arrived)); !slices.Equal(got, want) {
		t.Errorf("%s in %s: %q arrived, want %q", row, engine, got, want)
	}
}

// judge holds one run against what its strength promises; without a wall all has to get through, or nothing is proved.
func (h *hostile) judge(t *testing.T, row, engine string, run *hostileRun) {
	strength, _, _ := strings.Cut(row, ".")
	if strength == "more" {
		judgeMore(t, row, engine, run)
		return
	}
	if strength == "off" {
		want := map[string]int{"chromium": 37, "firefox": 37, "webkit": 36}[engine] // WebKit knows no links to prefetch
		if len(run.Arrived) != want || len(run.Seen.Ran) != 12 || len(run.Seen.Stored) == 0 || len(run.Jar) == 0 && engine != "webkit" {
			t.Errorf("%s in %s: %d kinds arrived (%q), %q ran, %q and %v kept, want %d, 12, some and some: the test sees too little", row, engine, len(run.Arrived),
				slices.Sorted(maps.Keys(run.Arrived)), run.Seen.Ran, run.Seen.Stored, run.Jar, want)
		}
		return
	}
	if strength == "tag" {
		if len(run.Seen.Ran) > 0 || len(run.Seen.Stored) > 0 {
			t.Errorf("%s in %s: %q ran, %q kept, want nothing", row, engine, run.Seen.Ran, run.Seen.Stored)
		}
		return
	}
	arrived, jar := maps.Clone(run.Arrived), maps.Clone(run.Jar)
	if strength == "sealed" && strings.HasSuffix(row, ".one-piece") && engine == "firefox" {
		for _, kind := range firefoxSets {
			delete(arrived, kind)
			delete(jar, "t_"+kind)
		}
	}
	if len(arrived) > 0 || len(run.Seen.Ran) > 0 || len(run.Seen.Stored) > 0 || len(jar) > 0 {
		t.Errorf("%s in %s: %v arrived, %q ran, %q and the tracker's cookies %v are kept, want none", row, engine, arrived, run.Seen.Ran, run.Seen.Stored, jar)
	}
}
