package records

import (
	"context"
	"time"
)

// What a clock has to show before rows are removed by it.
const (
	settled  = 24 * time.Hour      // for how long it has gone evenly, or a record that it agrees with has been stored
	maxQuiet = 30 * 24 * time.Hour // since the newest record; far less than what Expiry adds to the proof period
	maxStep  = time.Hour           // by which it may be set and still be the same
)

// clock remembers how the notary's clock has gone beside the monotonic one, which nobody sets.
type clock struct {
	began  time.Time // when the process did, by the notary's clock
	wall   time.Time // when it was looked at last, by the notary's clock
	mono   time.Time // the same by the monotonic clock
	steady time.Time // since when it has not been set, by the monotonic clock
}

func newClock(now time.Time) clock {
	mono := time.Now()
	return clock{began: now, wall: now.Round(0), mono: mono, steady: mono}
}

// look notes whether the clock was set since the last look.
func (c *clock) look(now time.Time) {
	wall, mono := now.Round(0), time.Now() // Round takes the monotonic reading away
	if step := wall.Sub(c.wall) - mono.Sub(c.mono); step.Abs() > maxStep {
		c.steady = mono
	}
	c.wall, c.mono = wall, mono
}

// believed tells whether the clock may decide on what nothing brings back. A machine can start years ahead, until a time
// service or a person sets it right: rows are removed only where a record agrees, one that was stored a day before this
// process began and is a month old at most, or once the clock has gone evenly for a day. It is asked behind what was decided:
// a clock that was set meanwhile is found out.
func (n *Notary) believed(ctx context.Context) (bool, error) {
	n.clock.look(n.cfg.Now())
	if time.Since(n.clock.steady) >= settled {
		return true, nil
	}
	newest, err := n.store.NewestRecord(ctx, n.clock.began.Add(-settled))
	return n.cfg.Now().Sub(newest) <= maxQuiet, err
}
