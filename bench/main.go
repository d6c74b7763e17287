package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	bench
	quick   bool
	record  string
	profile string
	events  int
	out     string
	soak    time.Duration
	heed    string
	load    bool
	serve   string
	rest    string
}

func (o *options) flags() *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.connections, "connections", 64, "connections of the load generator")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; a figure is their median")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "how long each measurement takes")
	f.Uint64Var(&o.seed, "seed", 1, "seed of ids, pages and addresses")
	f.StringVar(&o.dir, "dir", "", "folder for the logs; default: a temporary one")
	f.BoolVar(&o.quick, "quick", false, "one round of a second each, to see that it works")
	f.StringVar(&o.record, "record", "", "also write the report into this file")
	f.StringVar(&o.profile, "profile", "", "only measure this system and write cpu, allocs, mutex and block .pprof into -out")
	f.IntVar(&o.events, "events", 1, "events a request, with -profile")
	f.StringVar(&o.out, "out", ".", "folder for the profiles")
	f.DurationVar(&o.soak, "soak", 0, "only run the whole of heed serve for so long at 80 % of its maximum")
	f.StringVar(&o.heed, "heed", besideProgram("heed"), "the program that -soak and -load run")
	f.BoolVar(&o.load, "load", false, "only measure how events come to rest in ClickHouse")
	f.StringVar(&o.serve, "serve", "", "used by bench itself: the system that this process is")
	f.StringVar(&o.rest, "rest", "", "used by bench itself: the way to rest that this process measures")
	return f
}

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	var o options
	if err := o.flags().Parse(args); err != nil {
		return err
	}
	if o.serve != "" {
		return serveSystem(context.WithoutCancel(ctx), o.serve, o.dir)
	}
	if o.rest != "" {
		return rest(context.WithoutCancel(ctx), o.rest, o.dir, o.seed, stdout)
	}
	if o.quick {
		o.rounds, o.duration = 1, time.Second
	}
	if o.dir, err = os.MkdirTemp(o.dir, "heed-bench-"); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(o.dir)
	var report bytes.Buffer
	o.bench.out, o.progress = io.MultiWriter(stdout, &report), os.Stderr
	switch {
	case o.profile != "":
		return o.profileSystem(ctx)
	case o.soak > 0:
		err = o.bench.soak(ctx, o.heed, o.soak)
	case o.load:
		err = o.bench.reportRest(ctx, o.heed)
	default:
		err = o.bench.report(ctx)
	}
	if err != nil || o.record == "" {
		return err
	}
	return os.WriteFile(o.record, report.Bytes(), 0o644)
}

// profileSystem measures one system for as long as a round takes and leaves its profiles.
func (o *options) profileSystem(ctx context.Context) error {
	f, err := o.measure(ctx, variant{o.profile, o.profile, o.events}, 0, o.out)
	if err != nil {
		return err
	}
	for c, value := range f {
		fmt.Fprintf(o.bench.out, "%-18s "+columns[c].format+"\n", columns[c].title, value)
	}
	return nil
}

// report measures everything and prints it.
func (b bench) report(ctx context.Context) error {
	text, err := describe(b.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "# Results\n\nWritten by `make bench`; README.md says how it is measured. Seed %d.\n\n%s", b.seed, text)
	all, err := b.compare(ctx)
	if err != nil {
		return err
	}
	results := make([]figures, len(all))
	for i, rounds := range all {
		results[i] = medians(rounds)
	}
	b.printTable(results)
	floor, heed, err := b.curve(ctx, results[variantOf("heed", 1)][perSecond])
	if err != nil {
		return err
	}
	b.printCurve(floor, heed)
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	b.printCrowd(c)
	b.printBudgets(results, floor, heed, c)
	b.printRounds(all)
	return nil
}
