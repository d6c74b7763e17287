package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// method says what is measured, and how; it stands at the top of the report.
//
//go:embed method.md
var method string

// heading is the method, and what was measured where.
func heading(visits map[page][]seen) []byte {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	minute, _, _ := strings.Cut(string(load), " ")
	version := "unknown"
	if base := visits[page{first, without}]; len(base) > 0 {
		version = base[0].Version
	}
	return fmt.Appendf(nil, "%s\n- date: %s UTC\n- commit: %s\n- versions: %s, %s\n- machine: %d cores\n- other load: %s processes wanted a core during the minute before the end\n\n",
		method, time.Now().UTC().Format(time.DateTime), commit(), runtime.Version(), version, runtime.NumCPU(), minute)
}

// commit is the one that the program was built from.
func commit() string {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				text = s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				text += " with changes"
			}
		}
	}
	return text
}

// column is one figure of a visit.
type column struct {
	title  string
	format string
	of     func(seen) float64
}

var columns = []column{
	{"DOM ready", "%.0f", func(v seen) float64 { return v.Ready }},
	{"first paint", "%.0f", func(v seen) float64 { return v.Paint }},
	{"largest paint", "%.0f", func(v seen) float64 { return v.Largest }},
	{"load", "%.0f", func(v seen) float64 { return v.Load }},
	{"main thread", "%.1f", func(v seen) float64 { return v.Tasks }},
	{"of it scripts", "%.1f", func(v seen) float64 { return v.Script }},
	{"of it layout and style", "%.1f", func(v seen) float64 { return v.Layout }},
	{"long tasks", "%.0f", func(v seen) float64 { return float64(v.LongTasks) }},
	{"layout shift", "%.4f", func(v seen) float64 { return v.Shifts }},
}

// printCost prints the medians of every way, then what each adds to the page without it.
func printCost(out io.Writer, visits map[page][]seen) {
	fmt.Fprintf(out, "## A visitor's first page, which asks\n\nms, medians of %d rounds.\n\n", len(visits[page{first, without}]))
	printPage(out, first, visits)
	fmt.Fprint(out, "\n## The next page, after a yes to everything\n\n")
	printPage(out, next, visits)
	fmt.Fprint(out, "\n## The element of the largest paint, by visits\n\n")
	for _, way := range ways {
		largest := map[string]int{}
		for _, v := range slices.Concat(visits[page{first, way}], visits[page{next, way}]) {
			largest[v.LargestIs]++
		}
		fmt.Fprintf(out, "- %s: %v\n", way, largest)
	}
}

func printPage(out io.Writer, at string, visits map[page][]seen) {
	printTable(out, func(c column, way string) string { return fmt.Sprintf(c.format, median(visits[page{at, way}], c.of)) })
	fmt.Fprint(out, "\nBeside the page without anything; what is added, and the ratio:\n\n")
	printTable(out, func(c column, way string) string {
		base, value := median(visits[page{at, without}], c.of), median(visits[page{at, way}], c.of)
		if base == 0 {
			return fmt.Sprintf("%+.4g", value)
		}
		return fmt.Sprintf("%+.1f (%.2f)", value-base, value/base)
	})
}

func printTable(out io.Writer, cell func(column, string) string) {
	fmt.Fprint(out, "| |")
	for _, c := range columns {
		fmt.Fprintf(out, " %s |", c.title)
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("--:|", len(columns)))
	for _, way := range ways {
		fmt.Fprintf(out, "| %s |", way)
		for _, c := range columns {
			fmt.Fprintf(out, " %s |", cell(c, way))
		}
		fmt.Fprintln(out)
	}
}

func median(visits []seen, of func(seen) float64) float64 {
	if len(visits) == 0 {
		return 0
	}
	values := make([]float64, len(visits))
	for i, v := range visits {
		values[i] = of(v)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
