package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"heed/pipeline/clickhouse"
)

func migrateCommand() command {
	return command{
		name: "migrate", args: "[settings]", summary: "Bring ClickHouse's tables to this version.",
		detail: "heed serve does the same when it starts. Run it before an upgrade of several processes on one " +
			"ClickHouse server, to do it once and see that it worked.",
		example: "heed migrate --clickhouse.dsn clickhouse://localhost:9000/heed",
		run:     runMigrate,
	}
}

func runMigrate(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	running, err := processRuns(ctx, cfg.DataDir)
	if err != nil {
		return err
	}
	if running {
		fmt.Fprintln(p.stdout, "nothing to do: heed serve runs on this data folder, and migrated when it started")
		return nil
	}
	if cfg.ClickHouse.DSN == "" { // to migrate is a reason to make the folder; to ask is none
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return fmt.Errorf("make data folder: %w (name a folder that can be written with --data.dir)", err)
		}
	}
	return withStore(ctx, p, cfg, func(s ownStore) error {
		if s.from == s.to {
			fmt.Fprintf(p.stdout, "nothing to do: the schema has version %d already\n", s.to)
			return nil
		}
		fmt.Fprintf(p.stdout, "migrated the schema from version %d to %d\n", s.from, s.to)
		return nil
	})
}

// processRuns tells whether a process answers on the data folder's socket.
func processRuns(ctx context.Context, dir string) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://heed/livez", nil)
	if err != nil {
		return false, fmt.Errorf("ask heed serve: %w", err)
	}
	answer, err := socketClient(dir).Do(r)
	if errors.Is(err, errNotRunning) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask heed serve: %w", err)
	}
	answer.Body.Close()
	return true, nil
}

// ownStore is the store of a command that runs while no heed serve does.
type ownStore struct {
	*clickhouse.Store
	from, to int // what the migration did
	logger   *slog.Logger
}

// withStore opens and migrates the store and lets go of it after use. An embedded one has the data folder's lock: two
// processes cannot open it.
func withStore(ctx context.Context, p *program, cfg *Config, use func(ownStore) error) (err error) {
	if cfg.ClickHouse.DSN == "" {
		unlock, err := lockExisting(cfg)
		if err != nil {
			return err
		}
		defer unlock()
	}
	logger := cfg.logger(p.stderr)
	store, err := openStore(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.WithoutCancel(ctx))) }()
	from, to, err := store.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	return use(ownStore{store, from, to, logger})
}

// lockExisting locks the data folder, which must be there.
func lockExisting(cfg *Config) (unlock func(), err error) {
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if _, err := os.Stat(cfg.DataDir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no data in %s (name the folder with --data.dir)", cfg.DataDir)
	}
	return lockData(cfg.DataDir)
}
