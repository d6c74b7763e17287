package enrich

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const defaultPoll = 10 * time.Second

// Config says where the geo data is. Without any file every place is unknown, and consent is as strict as can be.
type Config struct {
	// City lists MaxMind DB files that know the country of an address, and perhaps its region.
	// Each address is looked up in the order given until one of them knows its country.
	City []string
	// Network lists MaxMind DB files that know the autonomous system of an address, in the same way.
	Network []string
	// Poll is how often the files are compared with what was loaded; zero means every 10 s.
	Poll time.Duration
}

// Validate reports every problem that can be seen without opening a file.
func (c Config) Validate() error {
	var errs []error
	for i, path := range c.City {
		if path == "" {
			errs = append(errs, fmt.Errorf("city[%d] is empty: name a MaxMind DB file or remove the entry", i))
		}
	}
	for i, path := range c.Network {
		if path == "" {
			errs = append(errs, fmt.Errorf("network[%d] is empty: name a MaxMind DB file or remove the entry", i))
		}
	}
	if c.Poll < 0 {
		errs = append(errs, fmt.Errorf("poll is %v: it must not be negative", c.Poll))
	}
	return errors.Join(errs...)
}

// Enricher holds the open geo data. Its methods may be called by many goroutines at once.
type Enricher struct {
	places   []*source
	networks []*source
	known    *cache[Place]
	replaced atomic.Uint64 // how often a geo file has been, after which nothing is known any more
	clients  clients
	log      *slog.Logger
	metrics  metrics

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Open opens every file of cfg and watches them until ctx ends or Close is called: a file that changed is opened anew,
// and one that cannot be opened then leaves the old data in use. Here, at the start, it is an error that says which
// file and what to do.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Enricher{log: log.With("component", "enrich"), metrics: newMetrics(), known: newCache[Place]()}
	e.clients = clients{bots: newBotList(botText), cache: newCache[Client](), missed: e.metrics.clientReads.Inc}
	var errs []error
	add := func(path string, want kind) *source {
		s := &source{path: path, kind: want}
		if err := s.load(); err != nil {
			errs = append(errs, err)
		}
		return s
	}
	for _, path := range cfg.City {
		e.places = append(e.places, add(path, placeData))
	}
	for _, path := range cfg.Network {
		e.networks = append(e.networks, add(path, networkData))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	ctx, e.stop = context.WithCancel(ctx)
	poll := cfg.Poll
	if poll == 0 {
		poll = defaultPoll
	}
	e.wg.Go(func() { e.watch(ctx, poll) })
	return e, nil
}

// Close stops watching the files. Places stay known: the data is unmapped once nothing refers to the Enricher.
func (e *Enricher) Close() {
	e.stop()
	e.wg.Wait()
}

func (e *Enricher) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.refresh()
		}
	}
}

// refresh opens the files that changed. Only one goroutine may call it at a time.
func (e *Enricher) refresh() {
	for _, sources := range [][]*source{e.places, e.networks} {
		for _, s := range sources {
			e.refreshOne(s)
		}
	}
}

// refreshOne logs each new cause once: a file that stays broken is tried again at every poll without another word.
func (e *Enricher) refreshOne(s *source) {
	changed, err := s.changed()
	if err == nil && changed {
		err = s.load()
		if err == nil {
			e.replaced.Add(1)
			e.metrics.reloads.Inc()
			e.log.Info("geo file loaded", "file", s.path)
		}
	}
	if err == nil {
		s.lastErr = ""
		return
	}
	e.metrics.reloadErrors.Inc()
	if cause := err.Error(); cause != s.lastErr {
		s.lastErr = cause
		e.log.Warn("geo file not loaded, the old data stays in use", "file", s.path, "err", err)
	}
}
