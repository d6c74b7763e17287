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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-page:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("bench-page", flag.ContinueOnError)
	rounds := flags.Int("rounds", 21, "rounds; a figure is their median")
	record := flags.String("record", "", "also write the report into this file")
	sizesOnly := flags.Bool("sizes", false, "only the bytes, without a browser")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var report bytes.Buffer
	out := io.MultiWriter(stdout, &report)
	theirs, err := readVanilla()
	if err != nil {
		return err
	}
	s, err := newSite(theirs)
	if err != nil {
		return err
	}
	defer s.server.Close()
	if err := s.printSizes(out); err != nil || *sizesOnly {
		return err
	}
	visits, err := s.visit(ctx, *rounds)
	if err != nil {
		return err
	}
	printCost(out, visits)
	if *record == "" {
		return nil
	}
	return os.WriteFile(*record, append(heading(visits), report.Bytes()...), 0o644)
}
