package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"heed/schemas"
)

// versionInfo says what this binary is.
type versionInfo struct {
	Version  string `json:"version"` // the module's, or (devel)
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Event    int    `json:"event"`  // the wire format's version
	Schema   int    `json:"schema"` // the newest ClickHouse migration
}

func versionCommand() command {
	return command{
		name: "version", args: "[--json]", summary: "Say what this binary is.", example: "heed version -json",
		own: func(f *flags) { f.set.Bool("json", false, "Print JSON.") },
		run: func(_ context.Context, p *program, f *flags) error {
			info := readVersion()
			if f.on("json") {
				return json.NewEncoder(p.stdout).Encode(info)
			}
			revision := info.Revision
			if info.Modified {
				revision += " (modified)"
			}
			_, err := fmt.Fprintf(p.stdout, "heed %s %s\n%s %s, events v%d, schema %d\n",
				info.Version, revision, info.Go, info.Platform, info.Event, info.Schema)
			return err
		},
	}
}

func readVersion() versionInfo {
	info := versionInfo{
		Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Event: schemas.EventVersion, Schema: newestMigration(),
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if build.Main.Version != "" {
		info.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Revision = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

// newestMigration is the number of the last step in schemas.Migrations, whose names begin with it.
func newestMigration() int {
	names, err := fs.Glob(schemas.Migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	newest := 0
	for _, name := range names {
		digits, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if n, err := strconv.Atoi(digits); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}
