package main

import (
	"context"
	"fmt"
)

// minRestShare is what the loader must reach of the speed of the same blocks inserted bare.
const minRestShare = 0.6

// reportRest measures how events come to rest, and reports it.
func (b bench) reportRest(ctx context.Context, program string) error {
	text, err := describe(b.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "# Loading\n\nWritten by `make bench-load`; README.md says how it is measured. Seed %d.\n\n%s", b.seed, text)
	all, err := b.bringToRest(ctx)
	if err != nil {
		return err
	}
	b.printRest(all)
	lags, sent, err := b.fallBehind(ctx, program)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## Lag after a burst\n\n%d events in %.1f s through Kafka, one broker, %d partitions, one loader, all on this "+
		"machine. The lag is the consumer group's.\n\n| after s | events behind |\n|--:|--:|\n", burstEvents, sent.Seconds(), burstPartitions)
	for _, l := range lags {
		fmt.Fprintf(b.out, "| %.1f | %d |\n", l.after.Seconds(), l.events)
	}
	fmt.Fprintf(b.out, "\nFrom its highest on it fell by %.0f events/s, to zero.\n", slope(lags))
	return nil
}

// printRest prints the medians of both ways, and their ratio.
func (b bench) printRest(all map[string][]rested) {
	fmt.Fprintf(b.out, "\n## Into the embedded engine\n\n%d rows in blocks of %d; medians of %d rounds.\n\n"+
		"| | rows/s | CPU µs/row | bytes/row on disk |\n|---|--:|--:|--:|\n", blockRows*restBlocks, blockRows, b.rounds)
	middle := func(way string, value func(rested) float64) float64 {
		var values []float64
		for _, r := range all[way] {
			values = append(values, value(r))
		}
		return median(values)
	}
	for _, way := range []string{bare, loaded} {
		fmt.Fprintf(b.out, "| %s | %.0f | %.2f | %.1f |\n", restTitles[way], middle(way, rested.perSecond),
			middle(way, rested.cpuPerRow), middle(way, func(r rested) float64 { return r.Bytes }))
	}
	share := middle(loaded, rested.perSecond) / middle(bare, rested.perSecond)
	verdict := "met"
	if share < minRestShare {
		verdict = "**missed**"
	}
	fmt.Fprintf(b.out, "\nThe loader reaches %.0f %% of the bare blocks; the budget is %.0f %%: %s.\n", 100*share, 100*minRestShare, verdict)
}

var restTitles = map[string]string{
	bare:   "the same blocks, made in advance",
	loaded: "from the log by the loader",
}
