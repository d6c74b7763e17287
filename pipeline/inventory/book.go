package inventory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// Bounds of what is kept, each process for itself. What is beyond is counted as more.
const (
	maxHosts   = 500     // of a site and day, each kind of a host for itself
	maxNames   = 1000    // of a site and day, each place of a name for itself
	maxEntries = 200_000 // of all sites and of all days that are not written yet
)

// flushEvery is how often counts are written.
const flushEvery = 5 * time.Second

// flushTimeout is how long the store may take for it.
const flushTimeout = 10 * time.Second

// warnEvery is how often a warning is repeated at most.
const warnEvery = 30 * time.Second

// Config says where counts go.
type Config struct {
	// Put writes rows, each the sum of a day so far under this process's id. It may fail for as long as it likes: the next
	// rows hold these.
	Put func(ctx context.Context, rows []clickhouse.InventoryRow) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate reports what is missing.
func (c Config) Validate() error {
	if c.Put == nil {
		return errors.New("inventory: there is nowhere to put counts")
	}
	return nil
}

// Book counts. Its methods may be called by any goroutine.
type Book struct {
	cfg     Config
	logger  *slog.Logger
	process string
	metrics *metrics.Set
	refused *metrics.Counter
	lost    *metrics.Counter

	flushing sync.Mutex // taken before mu

	mu      sync.Mutex
	tallies map[page]*tally
	size    int // entries of all tallies
}

// page is a site's day; the day is midnight UTC.
type page struct {
	site string
	day  time.Time
}

// tally is what was counted on a page, and how many of its entries have names.
type tally struct {
	counts       map[entry]*seen
	hosts, names int
}

// entry is what is counted on a page. Without a name it is what was beyond the bounds.
type entry struct{ what, kind, name string }

// seen is how often, and what else is known. Written is how much of it is in the store.
type seen struct {
	count, written uint64
	days           uint32
	http           bool
}

// New makes an empty book. Run writes it down.
func New(cfg Config, logger *slog.Logger) (*Book, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	set := metrics.NewSet()
	return &Book{
		cfg: cfg, logger: logger.With("component", "inventory"), process: rand.Text(), metrics: set,
		refused: set.NewCounter("heed_inventory_refused_total"), lost: set.NewCounter("heed_inventory_flush_errors_total"),
		tallies: map[page]*tally{},
	}, nil
}

// Add counts what a page of a site reports. It keeps nothing of its arguments.
func (b *Book) Add(site string, held []schemas.Held, names []schemas.Name) {
	at := page{site, b.cfg.Now().UTC().Truncate(24 * time.Hour)}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tallies[at]
	if t == nil {
		at.site = strings.Clone(site)
		t = &tally{counts: map[entry]*seen{}}
		b.tallies[at] = t
	}
	for _, h := range held {
		if host, ok := KeepHost(h.Host); ok {
			b.countLocked(t, entry{clickhouse.InventoryHeld, string(h.Kind), host}, &t.hosts, maxHosts)
		} else {
			b.refused.Inc()
		}
	}
	for _, n := range names {
		name, ok := KeepName(n.Name)
		if !ok {
			b.refused.Inc()
			continue
		}
		s := b.countLocked(t, entry{clickhouse.InventoryName, string(n.Place), name}, &t.names, maxNames)
		s.days, s.http = max(s.days, uint32(n.Days)), s.http || n.HTTP
	}
}

// countLocked counts an entry, or where there is no room for it one more. Held is how many of its kind there are.
func (b *Book) countLocked(t *tally, e entry, held *int, limit int) *seen {
	if s := t.counts[e]; s != nil {
		s.count++
		return s
	}
	if b.size >= maxEntries || *held >= limit {
		e.kind, e.name = clickhouse.InventoryMore, ""
		if s := t.counts[e]; s != nil {
			s.count++
			return s
		}
	} else {
		*held++
	}
	e.kind, e.name = strings.Clone(e.kind), strings.Clone(e.name) // they lie in the request
	s := &seen{count: 1}
	t.counts[e] = s
	b.size++
	return s
}

// Run writes counts down until ctx ends, and then once more.
func (b *Book) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var warned time.Time
	for {
		select {
		case <-ctx.Done():
			if err := b.Flush(context.WithoutCancel(ctx)); err != nil {
				b.logger.Warn("the last counts of the inventory are lost", "err", err)
			}
			return
		case <-tick.C:
		}
		if err := b.Flush(ctx); err != nil && time.Since(warned) >= warnEvery {
			warned = time.Now()
			b.logger.Warn("the inventory is not written down, will try again", "err", err)
		}
	}
}

// Flush writes what has changed, and forgets days that are over and written.
func (b *Book) Flush(ctx context.Context) error {
	b.flushing.Lock()
	defer b.flushing.Unlock()
	rows := b.changed()
	if len(rows) > 0 {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		if err := b.cfg.Put(ctx, rows); err != nil {
			b.lost.Inc()
			return fmt.Errorf("write inventory: %w", err)
		}
	}
	b.settle(rows)
	return nil
}

// changed are the rows that the store does not have as they are.
func (b *Book) changed() (rows []clickhouse.InventoryRow) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at, t := range b.tallies {
		for e, s := range t.counts {
			if s.count != s.written {
				rows = append(rows, clickhouse.InventoryRow{
					Site: at.site, Day: at.day, What: e.what, Kind: e.kind, Name: e.name, Process: b.process,
					Count: s.count, Days: s.days, HTTP: s.http,
				})
			}
		}
	}
	return rows
}

// settle notes that rows are written.
func (b *Book) settle(rows []clickhouse.InventoryRow) {
	today := b.cfg.Now().UTC().Truncate(24 * time.Hour)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range rows {
		b.tallies[page{row.Site, row.Day}].counts[entry{row.What, row.Kind, row.Name}].written = row.Count
	}
	for at, t := range b.tallies {
		if at.day.Before(today) && isWritten(t.counts) {
			b.size -= len(t.counts)
			delete(b.tallies, at)
		}
	}
}

func isWritten(counts map[entry]*seen) bool {
	for _, s := range counts {
		if s.count != s.written {
			return false
		}
	}
	return true
}
