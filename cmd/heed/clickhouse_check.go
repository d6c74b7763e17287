package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// storeCheckPath is where heed serve checks its own store, on its socket alone.
const storeCheckPath = "/clickhouse/check"

func clickhouseCheckCommand() command {
	return command{
		name: "clickhouse check", args: "[--json]", summary: "Say what is wrong with ClickHouse, and the remedy.",
		detail: "It compares version, settings, tables, disk and, in a cluster, macros and replicas with what Heed needs, and " +
			"changes nothing. The status is 1 when something is broken, 0 when there is at most advice. While heed serve " +
			"runs it is asked to look at its own store.",
		example: "heed clickhouse check --clickhouse.dsn clickhouse://localhost:9000/heed",
		own:     func(f *flags) { f.set.Bool("json", false, "Print JSON.") },
		run:     runClickhouseCheck,
	}
}

// storeCheck is the answer to storeCheckPath, and what --json prints.
type storeCheck struct {
	Findings []clickhouse.Finding `json:"findings"` // never nil
}

func runClickhouseCheck(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	var result storeCheck
	if cfg.ClickHouse.DSN == "" {
		err = askSocket(ctx, cfg, storeCheckPath, &result)
	}
	if cfg.ClickHouse.DSN != "" || errors.Is(err, errNotRunning) {
		result, err = checkStore(ctx, p, cfg)
	}
	if err != nil {
		return err
	}
	if f.on("json") {
		err = json.NewEncoder(p.stdout).Encode(result)
	} else {
		result.print(p.stdout)
	}
	return errors.Join(err, result.err())
}

// checkStore opens the store as it is: what migrates it would hide what is wrong with it.
func checkStore(ctx context.Context, p *program, cfg *Config) (result storeCheck, err error) {
	if cfg.ClickHouse.DSN == "" {
		unlock, err := lockExisting(cfg)
		if err != nil {
			return result, err
		}
		defer unlock()
	}
	store, err := openStore(ctx, cfg, cfg.logger(p.stderr))
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	return lookAt(ctx, store)
}

func lookAt(ctx context.Context, store *clickhouse.Store) (storeCheck, error) {
	findings, err := store.Check(ctx)
	return storeCheck{append([]clickhouse.Finding{}, findings...)}, err
}

// serveStoreCheck answers storeCheckPath.
func serveStoreCheck(store *clickhouse.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := lookAt(r.Context(), store)
		if err != nil {
			writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, err.Error()) // to this machine's owner
			return
		}
		writeJSON(w, http.StatusOK, result)
	})
}

func (c storeCheck) print(w io.Writer) {
	if len(c.Findings) == 0 {
		fmt.Fprintln(w, "ClickHouse is as Heed needs it")
	}
	for _, finding := range c.Findings {
		weight := "advice"
		if finding.Broken {
			weight = "broken"
		}
		fmt.Fprintf(w, "%s: %s\n  remedy: %s\n", weight, finding.What, finding.Remedy)
	}
}

// err is what the command ends with.
func (c storeCheck) err() error {
	broken := 0
	for _, finding := range c.Findings {
		if finding.Broken {
			broken++
		}
	}
	if broken == 0 {
		return nil
	}
	return fmt.Errorf("ClickHouse is not as Heed needs it: %d broken", broken)
}
