package main

import (
	"os/exec"
	"strings"
	"testing"
)

// allowed names, for each top-level folder, the folders of ours that its non-test files may import. Events travel
// from right to left of each list; an arrow that is not here points against the house (ARCHITECTURE.md).
var allowed = map[string]string{
	"schemas":   "schemas",
	"consent":   "consent schemas",
	"pipeline":  "pipeline consent schemas",
	"collector": "collector pipeline consent schemas",
	"snippet":   "snippet consent schemas",
	"analytics": "analytics schemas",
	"deploy":    "deploy pipeline consent schemas", // dev starts brokers as the tests do; nothing imports deploy
	"cmd":       "cmd collector pipeline consent schemas snippet analytics",
	"bench":     "bench cmd collector pipeline consent schemas snippet analytics",
}

// owners names, for each dependency with one owner, the folders whose non-test files may import it.
var owners = map[string]string{
	"github.com/valyala/fasthttp":         "collector bench",
	"github.com/pires/go-proxyproto":      "collector/listen",
	"github.com/oschwald/geoip2-golang":   "pipeline/enrich",
	"github.com/mssola/useragent":         "pipeline/enrich",
	"github.com/ClickHouse/clickhouse-go": "pipeline/clickhouse analytics bench",
	"github.com/ebitengine/purego":        "pipeline/clickhouse",
	"github.com/chromedp/chromedp":        "cmd/heed",
	"github.com/evanw/esbuild":            "snippet",
	"github.com/prometheus/prometheus":    "pipeline/wal",
	"github.com/segmentio/kafka-go":       "pipeline/kafka",
	"github.com/gowebpki/jcs":             "consent/record",
	"golang.org/x/mod/sumdb":              "consent/record",
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "heed/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < len(allowed) {
		t.Fatalf("go list names %d packages, want at least %d", len(lines), len(allowed))
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], "heed/")
		room, _, _ := strings.Cut(pkg, "/")
		rooms, known := allowed[room]
		if !known {
			t.Errorf("folder %s has no place in the house: see ARCHITECTURE.md", room)
		}
		for _, imported := range fields[1:] {
			checkImport(t, pkg, rooms, imported)
		}
	}
}

func checkImport(t *testing.T, pkg, rooms, imported string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(imported, "heed/"); ok {
		room, _, _ := strings.Cut(ours, "/")
		if !strings.Contains(" "+rooms+" ", " "+room+" ") {
			t.Errorf("%s imports %s, it may import only %s", pkg, ours, rooms)
		}
		return
	}
	for dependency, folders := range owners {
		if !strings.HasPrefix(imported, dependency) {
			continue
		}
		owned := false
		for _, folder := range strings.Fields(folders) {
			owned = owned || pkg == folder || strings.HasPrefix(pkg, folder+"/")
		}
		if !owned {
			t.Errorf("%s imports %s, which only %s may", pkg, imported, folders)
		}
	}
}
