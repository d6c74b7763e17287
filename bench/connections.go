package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	idleConnections = 10_000
	newPerSecond    = 1000
	dialers         = 64
	spareFiles      = 2000 // of bench and collector, beside the idle connections
)

// crowd is what the collector's process holds of memory around many connections, and how new ones fare.
type crowd struct {
	fresh, idle, after memory
	opened             int64         // new connections that got their answer while the others were idle
	elapsed            time.Duration // in which they came
	latency            *histogram    // from the moment a connection was due to its answer
}

// connect opens many connections that rest after one request each, then on top of them new ones at a rate, each for
// one request.
func (b bench) connect(ctx context.Context) (c crowd, err error) {
	if err := allowFiles(idleConnections + spareFiles); err != nil {
		return c, err
	}
	fmt.Fprintf(b.progress, "%d idle connections\n", idleConnections)
	p, err := startSystem(ctx, "heed", b.dir)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if c.fresh, err = p.memory(); err != nil {
		return c, err
	}
	var idle [dialers][]*client
	defer func() {
		for _, list := range idle {
			for _, one := range list {
				one.Close()
			}
		}
	}()
	t := benchTarget(p.address, false)
	err = share(ctx, func(dialer int) error {
		m := newMaker(t, 1, b.seed, uint64(dialer))
		for range idleConnections / dialers {
			one, err := dial(p.address, source(dialer))
			if err != nil {
				return err
			}
			idle[dialer] = append(idle[dialer], one)
			m.nextVisit()
			if err := one.exchange(m.next()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	if c.idle, err = p.memory(); err != nil {
		return c, err
	}
	fmt.Fprintf(b.progress, "%d new connections a second\n", newPerSecond)
	if err := b.arrive(ctx, t, &c); err != nil {
		return c, err
	}
	c.after, err = p.memory()
	return c, err
}

// arrive opens connections at moments fixed beforehand.
func (b bench) arrive(ctx context.Context, t target, c *crowd) error {
	c.latency = &histogram{}
	var opened atomic.Int64
	start := time.Now()
	err := share(ctx, func(dialer int) error {
		m := newMaker(t, 1, b.seed+1, uint64(dialer))
		for turn := dialer; ; turn += dialers {
			due := time.Duration(turn) * time.Second / newPerSecond
			if due >= b.duration {
				return nil
			}
			m.nextVisit()
			request := m.next()
			sleepUntil(start.Add(due))
			one, err := dial(t.address, source(dialer))
			if err != nil {
				return err
			}
			err = errors.Join(one.exchange(request), one.Close())
			if err != nil {
				return err
			}
			c.latency.add(time.Since(start.Add(due)))
			opened.Add(1)
		}
	})
	c.opened, c.elapsed = opened.Load(), time.Since(start)
	return err
}

// share lets all dialers work at once and returns the first error.
func share(ctx context.Context, work func(dialer int) error) error {
	errs := make([]error, dialers)
	var wg sync.WaitGroup
	for dialer := range dialers {
		wg.Go(func() { errs[dialer] = work(dialer) })
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// source spreads the dialers over loopback addresses, each of which has ports of its own.
func source(dialer int) string { return fmt.Sprintf("127.0.0.%d", 2+dialer%8) }

// allowFiles raises the limit of open files, for this process and those that it starts.
func allowFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	limit.Max = max(limit.Max, n)
	limit.Cur = max(limit.Cur, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise limit of open files to %d: %w", n, err)
	}
	return nil
}
