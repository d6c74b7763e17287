package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	loading "heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// What is brought to rest: as many rows as the loader puts into a block by default, ten times, from groups of the size
// that the log has under load.
const (
	blockRows  = 20_000
	restBlocks = 10
	groupRows  = 500
)

// The ways to bring rows to rest; each measurement is a process of its own, since a process has one engine.
const (
	loaded = "loaded" // from the log by the loader: decode, compare ids, plan, make blocks, insert, trim
	bare   = "bare"   // the same blocks, made in advance, handed to the engine one after the other
)

// rested is what one measurement gives.
type rested struct {
	Rows    int           `json:"rows"`
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`   // of the process, the engine's threads included
	Bytes   float64       `json:"bytes"` // on disk per row
}

func (r rested) perSecond() float64 { return float64(r.Rows) / r.Elapsed.Seconds() }

func (r rested) cpuPerRow() float64 { return float64(r.CPU.Nanoseconds()) / float64(r.Rows) / 1000 }

// bringToRest lets both ways take turns and returns each one's rounds.
func (b bench) bringToRest(ctx context.Context) (map[string][]rested, error) {
	all := map[string][]rested{}
	for round := range b.rounds {
		for _, way := range []string{bare, loaded} {
			fmt.Fprintf(b.progress, "round %d of %d: %s\n", round+1, b.rounds, way)
			r, err := b.measureRest(ctx, way, b.seed+uint64(round))
			if err != nil {
				return nil, fmt.Errorf("measure %s, round %d: %w", way, round+1, err)
			}
			all[way] = append(all[way], r)
		}
	}
	return all, nil
}

// measureRest runs one measurement in a process and a folder of its own.
func (b bench) measureRest(ctx context.Context, way string, seed uint64) (r rested, err error) {
	folder, err := os.MkdirTemp(b.dir, way+"-")
	if err != nil {
		return r, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(folder)
	cmd := exec.CommandContext(ctx, os.Args[0], "-rest", way, "-dir", folder, "-seed", fmt.Sprint(seed))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("run bench -rest %s: %w", way, err)
	}
	return r, json.Unmarshal(text, &r)
}

// rest is the measured process: it prints a rested.
func rest(ctx context.Context, way, dir string, seed uint64, out io.Writer) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := clickhouse.Open(ctx, clickhouse.Config{
		Path: filepath.Join(dir, "clickhouse"), Library: besideProgram("lib", "libchdb.so"),
	}, logger)
	if err != nil {
		return err
	}
	defer store.Close(ctx)
	if _, _, err := store.Migrate(ctx); err != nil {
		return err
	}
	rows := clickhousetest.Events(blockRows*restBlocks, seed)
	prepare := prepareLoaded
	if way == bare {
		prepare = prepareBare
	}
	run, err := prepare(ctx, store, rows, dir, logger)
	if err != nil {
		return err
	}
	r := rested{Rows: len(rows)}
	start, before := time.Now(), ownCPU()
	if err := run(ctx); err != nil {
		return err
	}
	r.Elapsed, r.CPU = time.Since(start), ownCPU()-before
	if r.Bytes, err = bytesPerRow(ctx, store, len(rows)); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// ownCPU is user and system time of this process.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it fails for other arguments only
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func prepareBare(ctx context.Context, store *clickhouse.Store, rows []clickhouse.Row, _ string, _ *slog.Logger) (func(context.Context) error, error) {
	var inserts []func(context.Context, string) error
	for len(rows) > 0 {
		n := 1 // rows of one partition, as the loader makes them
		for n < min(blockRows, len(rows)) && rows[n].Partition() == rows[0].Partition() {
			n++
		}
		insert, err := store.Bare(ctx, rows[:n])
		if err != nil {
			return nil, err
		}
		inserts, rows = append(inserts, insert), rows[n:]
	}
	return func(ctx context.Context) error {
		for i, insert := range inserts {
			if err := insert(ctx, fmt.Sprint("bare", i)); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func prepareLoaded(ctx context.Context, store *clickhouse.Store, rows []clickhouse.Row, dir string, logger *slog.Logger) (func(context.Context) error, error) {
	log, err := wal.Open(ctx, wal.Config{Dir: filepath.Join(dir, "wal")}, logger)
	if err != nil {
		return nil, err
	}
	events := make([]*schemas.Envelope, 0, groupRows)
	for len(rows) > 0 {
		n := min(groupRows, len(rows))
		events = events[:0]
		for _, row := range rows[:n] {
			row.Envelope.ReceivedMs = time.Now().UnixMilli() // fresh, so that memory knows of doubles, as without a backlog
			events = append(events, row.Envelope)
		}
		if _, err := log.Append(ctx, events); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	if err := log.Close(ctx); err != nil {
		return nil, err
	}
	plans, err := loading.FilePlans(filepath.Join(dir, "load"))
	if err != nil {
		return nil, err
	}
	loader, err := loading.Open(ctx, loading.Config{}, loading.Parts{Log: loading.Local(log), Plans: plans, Store: store, Dead: store}, logger)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := loader.Run(ctx); err != nil {
			return err
		}
		if got := loader.Totals(); got.Loaded != blockRows*restBlocks {
			return fmt.Errorf("the loader brought %+v to rest, not %d", got, blockRows*restBlocks)
		}
		return nil
	}, nil
}

const partsSQL = "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'heed' AND table = 'events'"

// bytesPerRow is what the rows take on the disk with their indexes and projections. It wants exactly so many.
func bytesPerRow(ctx context.Context, store *clickhouse.Store, want int) (float64, error) {
	text, err := query(ctx, store, partsSQL)
	if err != nil {
		return 0, err
	}
	var rows, bytes float64
	if _, err := fmt.Sscan(text, &rows, &bytes); err != nil {
		return 0, fmt.Errorf("read parts %q: %w", text, err)
	}
	if int(rows) != want {
		return 0, fmt.Errorf("the table holds %.0f rows, not %d", rows, want)
	}
	return bytes / rows, nil
}
