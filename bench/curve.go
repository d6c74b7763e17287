package main

import (
	"context"
	"errors"
	"fmt"
)

// idleRate is where events are alone: each finds the log at rest.
const idleRate = 100

// halfLoad is the share of the maximum at which the time to answer has its budget.
const halfLoad = 0.5

// shares of Heed's maximum at which the time to answer is measured.
var shares = []float64{0.1, 0.25, halfLoad, 0.75, 0.9}

// step is one point of the curve: how long answers take at a rate.
type step struct {
	rate           float64 // requests a second; 0 for as many as are taken
	p50, p99, p999 float64 // ms
	group          float64 // events that shared an fsync
}

// curve measures floor and Heed at the same rates, from idle to saturation, the systems taking turns. The figures are
// medians of the rounds.
func (b bench) curve(ctx context.Context, most float64) (floor, heed []step, err error) {
	rates := []float64{idleRate}
	for _, share := range shares {
		rates = append(rates, share*most)
	}
	rates = append(rates, 0)
	all := map[string][][]step{}
	for round := range b.rounds {
		for _, system := range []string{"floor", "heed"} {
			fmt.Fprintf(b.progress, "round %d of %d: time to answer of %s\n", round+1, b.rounds, system)
			steps, err := b.climb(ctx, system, uint64(round), rates)
			if err != nil {
				return nil, nil, fmt.Errorf("measure times of %s: %w", system, err)
			}
			all[system] = append(all[system], steps)
		}
	}
	return medianSteps(all["floor"]), medianSteps(all["heed"]), nil
}

// climb sends at one rate after the other to the same process.
func (b bench) climb(ctx context.Context, system string, round uint64, rates []float64) (steps []step, err error) {
	p, err := startSystem(ctx, system, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	l := b.load(p, variants[variantOf(system, 1)], round)
	if err := b.warmUp(ctx, l); err != nil {
		return nil, err
	}
	for _, rate := range rates {
		l.rate, l.latency = rate, nil
		l.seed += 2
		before, err := p.usage()
		if err != nil {
			return nil, err
		}
		out, err := l.send(ctx)
		if err != nil {
			return nil, err
		}
		after, err := p.usage()
		if err != nil {
			return nil, err
		}
		s := step{rate: rate, group: float64(out.requests) / float64(after.groups-before.groups)}
		s.p50, s.p99, s.p999 = out.latency.milliseconds()
		steps = append(steps, s)
	}
	return steps, nil
}

func medianSteps(rounds [][]step) []step {
	steps := make([]step, len(rounds[0]))
	for i := range steps {
		of := func(value func(step) float64) float64 {
			var values []float64
			for _, r := range rounds {
				values = append(values, value(r[i]))
			}
			return median(values)
		}
		steps[i] = step{
			rate: rounds[0][i].rate,
			p50:  of(func(s step) float64 { return s.p50 }), p99: of(func(s step) float64 { return s.p99 }),
			p999: of(func(s step) float64 { return s.p999 }), group: of(func(s step) float64 { return s.group }),
		}
	}
	return steps
}
