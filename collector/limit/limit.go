package limit

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"heed/schemas"
)

// Config says how much one site takes. The zero value of a field takes its value from DefaultConfig.
type Config struct {
	// Rate is how many events a second one site takes over time.
	Rate float64
	// Window is for how long a bucket that was full lasts without being refilled: a site takes Rate*Window events at once.
	Window time.Duration
	// NetworkShare: one network takes at most 1/NetworkShare of a site's rate.
	NetworkShare int
	// FairNetworks and FairClients: up to 1/FairNetworks of a site's rate a network, and up to 1/FairClients of a network's
	// rate a client, is within its fair share, and goes first.
	FairNetworks, FairClients int
	// Entries is how many networks and clients are remembered at once, over all sites, 16 bytes each.
	Entries int
}

// DefaultConfig returns limits for sites of up to a few million visits a month.
func DefaultConfig() Config {
	return Config{
		Rate:         500,
		Window:       10 * time.Second,
		NetworkShare: 4,
		FairNetworks: 64,
		FairClients:  16,
		Entries:      1 << 16,
	}
}

// withDefaults returns c with its zero fields set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Rate == 0 {
		c.Rate = d.Rate
	}
	if c.Window == 0 {
		c.Window = d.Window
	}
	for _, f := range []struct {
		value    *int
		fallback int
	}{
		{&c.NetworkShare, d.NetworkShare},
		{&c.FairNetworks, d.FairNetworks},
		{&c.FairClients, d.FairClients},
		{&c.Entries, d.Entries},
	} {
		if *f.value == 0 {
			*f.value = f.fallback
		}
	}
	return c
}

// Bounds of a Config. A rate beyond 10 million would make one event cost less than 100 ns, the last digit of the sums.
const (
	maxRate    = 10e6
	minWindow  = time.Second
	maxWindow  = time.Minute
	maxEntries = 1 << 26
)

// Validate reports everything that is wrong with c, each with its name.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	check := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New(problem))
		}
	}
	check(c.Window >= minWindow && c.Window <= maxWindow, "window: want 1 s to 1 min")
	check(c.NetworkShare >= 1 && c.NetworkShare <= 1000, "network share: want 1 to 1000")
	check(c.FairNetworks >= 1 && c.FairNetworks <= 1000, "fair networks: want 1 to 1000")
	check(c.FairClients >= 1 && c.FairClients <= 1000, "fair clients: want 1 to 1000")
	check(c.Entries >= 1<<10 && c.Entries <= maxEntries, "entries: want 1024 to 67,108,864")
	if errs == nil {
		if err := c.validateRate(c.Rate); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// validateRate wants every bucket to hold a whole batch in the part of it that is open to all.
func (c Config) validateRate(rate float64) error {
	least := float64(schemas.MaxBatchEvents*c.NetworkShare) / c.Window.Seconds() / openToAll
	if rate < least || !(rate <= maxRate) {
		return fmt.Errorf("rate: %g: want %g to %g events per second, so that one network's share holds a batch of %d",
			rate, least, float64(maxRate), schemas.MaxBatchEvents)
	}
	return nil
}

// startsAt is what a limiter's clock says at its start, in ns: 36 years, so that a bucket that was never used, which is due
// at 0, owes nothing even if the clock is set back before the start.
const startsAt = 1 << 60

// openToAll is the part of a bucket that everyone may use. The rest is for those within their fair share.
const openToAll = 0.75

// Reason says which limit refused a batch.
type Reason uint8

// The limits, from the smallest to the largest.
const (
	None      Reason = iota // it was not refused
	ByClient                // the network is busy, and this client takes more than its fair share of it
	ByNetwork               // the network takes all that one network may
	BySite                  // the site takes all that it may, and this network more than its fair share of it; or all do
)

// String returns the reason as one word, for metrics and logs.
func (r Reason) String() string { return [...]string{"none", "client", "network", "site"}[r] }

// Verdict is the answer to one batch.
type Verdict struct {
	Reason     Reason
	RetryAfter time.Duration // until the same batch would be taken if nothing else came; 0 if it was taken
}

// OK reports whether the batch was taken.
func (v Verdict) OK() bool { return v.Reason == None }

// Limiter remembers who sent how much. It keeps no address: only a keyed hash of it, for seconds, in memory.
// Safe for concurrent use.
type Limiter struct {
	cfg   Config
	start time.Time
	seed  maphash.Seed
	table *table
	sites atomic.Uint64
}

// New returns a Limiter without sites.
func New(cfg Config) (*Limiter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Limiter{
		cfg:   cfg,
		start: time.Now(),
		seed:  maphash.MakeSeed(),
		table: newTable(cfg.Entries, int64(cfg.Window)),
	}, nil
}

// Site is one site's quota. Its state is one debt: the time until its bucket would be full again.
type Site struct {
	limiter *Limiter
	id      uint64
	window  int64        // ns
	due     atomic.Int64 // when the site's bucket is full again, by the limiter's clock

	// What one event costs in each bucket, in ns.
	perSite, perNetwork, fairNetwork, fairClient int64
}

// Site returns the quota of one more site: rate events per second, or that of Config with 0.
func (l *Limiter) Site(rate float64) (*Site, error) {
	if rate == 0 {
		rate = l.cfg.Rate
	}
	if err := l.cfg.validateRate(rate); err != nil {
		return nil, err
	}
	perSite := int64(math.Ceil(float64(time.Second) / rate)) // rounded up: never more than the rate
	perNetwork := perSite * int64(l.cfg.NetworkShare)
	return &Site{
		limiter:     l,
		id:          l.sites.Add(1),
		window:      int64(l.cfg.Window),
		perSite:     perSite,
		perNetwork:  perNetwork,
		fairNetwork: perSite * int64(l.cfg.FairNetworks),
		fairClient:  perNetwork * int64(l.cfg.FairClients),
	}, nil
}

// Allow takes or refuses a batch of that many events, at most schemas.MaxBatchEvents, from addr. What is refused takes
// nothing from a bucket, but counts when it is asked who keeps to a fair share. An unknown address is a network of its own. now should be from time.Now: then no
// clock step is seen at all; without its monotonic part, a step back forgets what is owed and a step forward forgives
// it, one full bucket in either case.
func (s *Site) Allow(addr netip.Addr, events int, now time.Time) Verdict {
	l := s.limiter
	at := startsAt + int64(now.Sub(l.start))
	n := int64(max(events, 1))
	hash := s.hashesOf(addr)

	shard := l.table.shard(hash.network)
	shard.mu.Lock()
	defer shard.mu.Unlock()

	networkLimit, siteLimit := s.window, s.window
	heavyClient := shard.owed(hash.fairClient, at)+n*s.fairClient > s.window
	if heavyClient {
		networkLimit = int64(float64(s.window) * openToAll)
	}
	if shard.owed(hash.fairNetwork, at)+n*s.fairNetwork > s.window {
		siteLimit = int64(float64(s.window) * openToAll)
	}
	verdict := Verdict{}
	owed := shard.owed(hash.network, at) + n*s.perNetwork
	if over := owed - networkLimit; over > 0 {
		verdict = Verdict{ByNetwork, time.Duration(over)}
		if heavyClient && owed <= s.window {
			verdict.Reason = ByClient
		}
	} else if over := s.charge(at, n*s.perSite, siteLimit); over > 0 {
		verdict = Verdict{BySite, time.Duration(over)}
	} else {
		shard.charge(hash.network, at, n*s.perNetwork)
	}
	shard.count(hash.fairNetwork, at, n*s.fairNetwork, verdict.OK())
	shard.count(hash.fairClient, at, n*s.fairClient, verdict.OK())
	return verdict
}

// charge adds cost to what the site owes, unless that would be more than limit: then it returns by how much.
func (s *Site) charge(at, cost, limit int64) (over int64) {
	for {
		due := s.due.Load()
		owed := owedAt(due, at, s.window) + cost
		if owed > limit {
			return owed - limit
		}
		if s.due.CompareAndSwap(due, at+owed) {
			return 0
		}
	}
}

// owedAt returns how long after at a bucket is full again. More than a window cannot be owed: the clock was set back.
func owedAt(due, at, window int64) int64 {
	owed := due - at
	if owed < 0 || owed > window {
		return 0
	}
	return owed
}
