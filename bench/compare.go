package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// bench is one run's settings.
type bench struct {
	dir         string // for the logs
	connections int
	rounds      int
	duration    time.Duration // of each measurement
	seed        uint64
	out         io.Writer // the report
	progress    io.Writer
}

// variant is a row of the table: a system and how many events each request brings.
type variant struct {
	title  string
	system string
	events int
}

var variants = []variant{
	{"bare fasthttp, 204", "bare", 1},
	{"floor", "floor", 1},
	{"nginx, pixel log", "nginx", 1},
	{"heed", "heed", 1},
	{"floor, 10 events", "floor", 10},
	{"heed, 10 events", "heed", 10},
	{"floor, 50 events", "floor", 50},
	{"heed, 50 events", "heed", 50},
}

// variantOf finds a row.
func variantOf(system string, events int) int {
	return slices.IndexFunc(variants, func(v variant) bool { return v.system == system && v.events == events })
}

// figures are what one measurement gives, one number for each column; 0 where nothing is known.
type figures [columnCount]float64

const (
	perSecond = iota // events
	cpu              // µs per event
	p50              // ms per request
	p99
	p999
	allocated // bytes per event
	resident  // MB
	columnCount
)

// compare lets the variants take turns and returns each one's rounds.
func (b bench) compare(ctx context.Context) ([][]figures, error) {
	all := make([][]figures, len(variants))
	for round := range b.rounds {
		for i, v := range variants {
			fmt.Fprintf(b.progress, "round %d of %d: %s\n", round+1, b.rounds, v.title)
			f, err := b.measure(ctx, v, uint64(round), "")
			if err != nil {
				return nil, fmt.Errorf("measure %s, round %d: %w", v.title, round+1, err)
			}
			all[i] = append(all[i], f)
		}
	}
	return all, nil
}

// measure starts a system afresh, warms it up, and sends as much as it takes. It writes profiles of it into the folder
// profiles, unless that is empty.
func (b bench) measure(ctx context.Context, v variant, round uint64, profiles string) (f figures, err error) {
	p, err := startSystem(ctx, v.system, b.dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	l := b.load(p, v, round)
	if err := b.warmUp(ctx, l); err != nil {
		return f, err
	}
	if profiles != "" {
		if _, err := p.ask(orderProfile); err != nil {
			return f, err
		}
	}
	before, err := p.usage()
	if err != nil {
		return f, err
	}
	out, err := l.send(ctx)
	if err != nil {
		return f, err
	}
	after, err := p.usage()
	if err != nil {
		return f, err
	}
	if profiles != "" {
		if _, err := p.ask(orderFinish, profiles); err != nil {
			return f, err
		}
	}
	m, err := p.memory()
	if err != nil {
		return f, err
	}
	events := float64(out.requests) * float64(v.events)
	f[perSecond] = out.perSecond(v.events)
	f[cpu] = float64((after.cpu - before.cpu).Microseconds()) / events
	f[p50], f[p99], f[p999] = out.latency.milliseconds()
	f[allocated] = float64(after.allocated-before.allocated) / events
	f[resident] = float64(m.resident) / (1 << 20)
	return f, nil
}

// load is that of a variant in a round; no two rounds send the same ids.
func (b bench) load(p *process, v variant, round uint64) load {
	return load{
		target: benchTarget(p.address, v.system == "nginx"), connections: b.connections, events: v.events,
		duration: b.duration, seed: b.seed<<32 + round<<8,
	}
}

// warmUp sends for a fifth of the time.
func (b bench) warmUp(ctx context.Context, l load) error {
	l.duration /= 5
	l.seed++
	l.rate = 0
	_, err := l.send(ctx)
	return err
}

// milliseconds are the quantiles that are reported.
func (h *histogram) milliseconds() (p50, p99, p999 float64) {
	ms := func(q float64) float64 { return float64(h.quantile(q).Microseconds()) / 1000 }
	return ms(0.5), ms(0.99), ms(0.999)
}

// medians takes each column's median of the rounds.
func medians(rounds []figures) (f figures) {
	for column := range f {
		var values []float64
		for _, r := range rounds {
			values = append(values, r[column])
		}
		f[column] = median(values)
	}
	return f
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
