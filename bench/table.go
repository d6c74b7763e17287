package main

import (
	"fmt"
	"strings"
)

// columns of the table, in the order of the figures.
var columns = [columnCount]struct{ title, format string }{
	perSecond: {"events/s", "%.0f"},
	cpu:       {"CPU µs/event", "%.1f"},
	p50:       {"p50 ms", "%.2f"},
	p99:       {"p99 ms", "%.2f"},
	p999:      {"p99.9 ms", "%.2f"},
	allocated: {"allocated B/event", "%.0f"},
	resident:  {"RSS MB", "%.0f"},
}

// printTable prints each variant's medians, each with its ratio to the floor's with the same body.
func (b bench) printTable(results []figures) {
	fmt.Fprintf(b.out, "\n## At saturation\n\nMedians of %d rounds of %v, %d connections; × is the ratio to the floor with the same body.\n\n",
		b.rounds, b.duration, b.connections)
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	fmt.Fprintf(b.out, "| system | %s |\n|---|%s\n", strings.Join(titles, " | "), strings.Repeat("--:|", columnCount))
	for i, v := range variants {
		floor := results[variantOf("floor", v.events)]
		var cells []string
		for c, value := range results[i] {
			cells = append(cells, cell(columns[c].format, value, floor[c]))
		}
		fmt.Fprintf(b.out, "| %s | %s |\n", v.title, strings.Join(cells, " | "))
	}
}

func cell(format string, value, floor float64) string {
	if value == 0 || floor == 0 {
		return "–"
	}
	return fmt.Sprintf(format+" ×%.2f", value, value/floor)
}

// printRounds prints what the medians were taken from.
func (b bench) printRounds(all [][]figures) {
	fmt.Fprintf(b.out, "\n## CPU µs per event, round by round\n\n")
	for i, v := range variants {
		fmt.Fprintf(b.out, "- %s:", v.title)
		for _, f := range all[i] {
			fmt.Fprintf(b.out, " %.1f", f[cpu])
		}
		fmt.Fprintln(b.out)
	}
}

// printCurve prints the times to answer from idle to saturation.
func (b bench) printCurve(floor, heed []step) {
	fmt.Fprintf(b.out, "\n## Time to answer, from idle to saturation\n\n"+
		"ms from the moment a request was due, one event each; at saturation from the moment it was sent. "+
		"Events/fsync is how many shared one.\n\n"+
		"| requests/s | floor p50 | p99 | p99.9 | events/fsync | heed p50 | p99 | p99.9 | events/fsync | heed p99 × floor |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i, f := range floor {
		h := heed[i]
		rate := fmt.Sprintf("%.0f", h.rate)
		switch {
		case h.rate == 0:
			rate = "as many as it takes"
		case i > 0:
			rate += fmt.Sprintf(" (%.0f %% of Heed's most)", shares[i-1]*100)
		}
		fmt.Fprintf(b.out, "| %s | %.2f | %.2f | %.2f | %.1f | %.2f | %.2f | %.2f | %.1f | %.2f |\n", rate,
			f.p50, f.p99, f.p999, f.group, h.p50, h.p99, h.p999, h.group, h.p99/f.p99)
	}
}

// printCrowd prints what many connections cost.
func (b bench) printCrowd(c crowd) {
	p50, p99, p999 := c.latency.milliseconds()
	fmt.Fprintf(b.out, "\n## Connections\n\n| heed | RSS MB | of it, pages of mapped files |\n|---|--:|--:|\n")
	for _, row := range []struct {
		title string
		memory
	}{
		{"just started", c.fresh},
		{fmt.Sprintf("%d idle connections, one request each", idleConnections), c.idle},
		{fmt.Sprintf("after %d new connections/s on top", newPerSecond), c.after},
	} {
		fmt.Fprintf(b.out, "| %s | %d | %d |\n", row.title, row.resident>>20, row.files>>20)
	}
	fmt.Fprintf(b.out, "\nThe peak was %d MB. %d new connections came in %.1f s; connecting and an answer took %.2f ms p50, %.2f p99, %.2f p99.9.\n",
		c.after.peak>>20, c.opened, c.elapsed.Seconds(), p50, p99, p999)
}

// Budgets of the collector, as ratios to the floor with the same body and at the same rate, and in MB.
const (
	budgetAlone   = 1.25
	budgetBatch   = 2.0
	budgetLatency = 1.5
	budgetCrowd   = 128
)

// printBudgets prints what is promised beside what was measured.
func (b bench) printBudgets(results []figures, floor, heed []step, c crowd) {
	ratio := func(events int) float64 {
		return results[variantOf("heed", events)][cpu] / results[variantOf("floor", events)][cpu]
	}
	var half float64
	for i, share := range shares {
		if share == halfLoad {
			half = heed[i+1].p99 / floor[i+1].p99
		}
	}
	fmt.Fprintf(b.out, "\n## Budgets\n\n| what | budget | measured | |\n|---|--:|--:|---|\n")
	row := func(what string, budget, measured float64, unit string) {
		verdict := "met"
		if !(measured <= budget) { // also when there is no number
			verdict = "**missed**"
		}
		fmt.Fprintf(b.out, "| %s | ≤ %.4g %s | %.4g %s | %s |\n", what, budget, unit, measured, unit, verdict)
	}
	row("CPU per event, one a request", budgetAlone, ratio(1), "× floor")
	row("CPU per request, batches of ten", budgetBatch, ratio(10), "× floor")
	row("p99 at half of Heed's most", budgetLatency, half, "× floor")
	row("memory with 10,000 idle connections", budgetCrowd, float64(c.idle.resident)/(1<<20), "MB")
}
