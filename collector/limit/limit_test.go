package limit_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heed/collector/limit"
	"heed/schemas"
)

// start is when every test begins. It has no monotonic part, so that the tests own the clock.
var start = time.Now().Round(0)

func newSite(t testing.TB, cfg limit.Config) *limit.Site {
	t.Helper()
	l, err := limit.New(cfg)
	if err != nil {
		t.Fatalf("New(%+v): %v", cfg, err)
	}
	site, err := l.Site(0)
	if err != nil {
		t.Fatalf("Site(0): %v", err)
	}
	return site
}

// v4 returns host of the n-th IPv4 network.
func v4(n, host int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 11<<24+uint32(n)<<8+uint32(host))
	return netip.AddrFrom4(b)
}

// v6 returns an address in the client-th /64 of the n-th /48.
func v6(n, client int, host uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], 0x2001<<48+uint64(n)<<16+uint64(client))
	binary.BigEndian.PutUint64(b[8:], host)
	return netip.AddrFrom16(b)
}

// flood sends single events from every sender at every step until the time is over, and returns how many were taken.
func flood(site *limit.Site, from time.Time, length time.Duration, senders ...netip.Addr) (taken int) {
	for now := from; now.Before(from.Add(length)); now = now.Add(5 * time.Millisecond) {
		for _, sender := range senders {
			if site.Allow(sender, 1, now).OK() {
				taken++
			}
		}
	}
	return taken
}

func TestAllowNeverExceedsRates(t *testing.T) {
	cfg := limit.DefaultConfig()
	const length = 30 * time.Second
	most := func(share float64) int {
		return int(cfg.Rate / share * (length + cfg.Window).Seconds())
	}
	f := func(name string, share float64, least float64, senders ...netip.Addr) {
		t.Helper()
		got := flood(newSite(t, cfg), start, length, senders...)
		if got > most(share) || float64(got) < least*float64(most(share)) {
			t.Fatalf("%s: %d events taken in %v, want at most %d and not many fewer", name, got, length, most(share))
		}
	}
	f("one client", 4, 0.9, v4(1, 1)) // a client alone in its network may use all of it, less the last quarter at first
	f("one network", 4, 0.9, v4(1, 1), v4(1, 2), v4(1, 3), v4(1, 4), v4(1, 5))
	f("one IPv6 network", 4, 0.9, v6(1, 1, 1), v6(1, 1, 2), v6(1, 2, 1), v6(1, 3, 1))
	f("no address", 4, 0.9, netip.Addr{})
	var many []netip.Addr
	for n := range 40 {
		many = append(many, v4(n, 1), v6(n, 1, 1))
	}
	f("many networks", 1, 0.9, many...)
}

// TestAllowProperty sends batches of any size from anywhere at any time, also back in time, and holds every bucket to
// rate*t + burst over every stretch that begins when it was full.
func TestAllowProperty(t *testing.T) {
	cfg := limit.Config{Rate: 100, Window: 10 * time.Second, NetworkShare: 4, FairNetworks: 16, FairClients: 4, Entries: 1 << 10}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		site := newSite(t, cfg)
		total, perNetwork := 0, map[int]int{}
		now := start
		for range 20000 {
			now = now.Add(time.Duration(r.ExpFloat64() * float64(2*time.Millisecond)))
			n, events := int(r.ExpFloat64()*3), 1+r.IntN(schemas.MaxBatchEvents)
			verdict := site.Allow(v4(n, r.IntN(4)), events, now)
			if verdict.OK() {
				total += events
				perNetwork[n] += events
			}
			if verdict.OK() != (verdict.RetryAfter == 0) || verdict.RetryAfter > cfg.Window {
				t.Fatalf("seed %d: verdict %+v, want a wait of at most %v if it was refused", seed, verdict, cfg.Window)
			}
			seconds := (now.Sub(start) + cfg.Window).Seconds()
			if float64(total) > cfg.Rate*seconds || float64(perNetwork[n]) > cfg.Rate/4*seconds {
				t.Fatalf("seed %d: after %v %d events, %d of one network", seed, now.Sub(start), total, perNetwork[n])
			}
		}
	}
}

// TestAllowConcurrently: however many ask at the same instant, exactly one full bucket is taken.
func TestAllowConcurrently(t *testing.T) {
	site := newSite(t, limit.Config{Rate: 100, NetworkShare: 1, FairNetworks: 1, FairClients: 1})
	var taken atomic.Int64
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 500 {
				if site.Allow(v4(n, i), 1, start).OK() {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := taken.Load(); got != 1000 {
		t.Fatalf("%d events taken at one instant, want 1000", got)
	}
}

func TestRetryAfterIsEnough(t *testing.T) {
	f := func(name string, reason limit.Reason, senders ...netip.Addr) {
		t.Helper()
		site := newSite(t, limit.Config{})
		for i := 0; ; i++ {
			sender := senders[i%len(senders)]
			verdict := site.Allow(sender, 7, start)
			if verdict.OK() {
				continue
			}
			if verdict.Reason != reason {
				t.Fatalf("%s: refused by %v, want by %v", name, verdict.Reason, reason)
			}
			if again := site.Allow(sender, 7, start.Add(verdict.RetryAfter-time.Millisecond)); again.OK() {
				t.Fatalf("%s: taken a millisecond before %v are over", name, verdict.RetryAfter)
			}
			if again := site.Allow(sender, 7, start.Add(verdict.RetryAfter)); !again.OK() {
				t.Fatalf("%s: refused again after %v: %+v", name, verdict.RetryAfter, again)
			}
			return
		}
	}
	f("client", limit.ByClient, v4(1, 1))
	var clients, networks []netip.Addr
	for i := range 100 {
		clients, networks = append(clients, v4(1, i)), append(networks, v4(i, 1))
	}
	f("network", limit.ByNetwork, clients...)
	f("site", limit.BySite, networks...)
}

// TestNeighbourSite: sites share nothing.
func TestNeighbourSite(t *testing.T) {
	l, err := limit.New(limit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	attacked, errA := l.Site(0)
	quiet, errB := l.Site(100)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for now := start; now.Before(start.Add(20 * time.Second)); now = now.Add(10 * time.Millisecond) {
		for n := range 40 {
			attacked.Allow(v4(n, 1), 10, now)
		}
		if now.Sub(start)%(500*time.Millisecond) != 0 {
			continue
		}
		if verdict := quiet.Allow(v4(1, 1), 10, now); !verdict.OK() {
			t.Fatalf("a neighbour of the attacked site: %+v, want it taken", verdict)
		}
	}
}

// TestQuietNetworkBesideFlood: while a hundred networks send all they can, others that stay within their fair share are
// not refused, once the flood has used up its own.
func TestQuietNetworkBesideFlood(t *testing.T) {
	site := newSite(t, limit.Config{})
	cfg := limit.DefaultConfig()
	gap := time.Duration(float64(time.Second) / (cfg.Rate / float64(cfg.FairNetworks)) * 1.01)
	quietFrom := start.Add(2 * time.Second)
	next := [5]time.Time{quietFrom, quietFrom, quietFrom, quietFrom, quietFrom}
	flooded := 0
	for now := start; now.Before(start.Add(60 * time.Second)); now = now.Add(10 * time.Millisecond) {
		for n := range 100 {
			if !site.Allow(v4(n, n), 5, now).OK() {
				flooded++
			}
		}
		for i := range next {
			if now.Before(next[i]) {
				continue
			}
			next[i] = now.Add(gap)
			if verdict := site.Allow(v6(i, 1, uint64(now.UnixNano())), 1, now); !verdict.OK() {
				t.Fatalf("after %v the quiet network %d: %+v, want it taken", now.Sub(start), i, verdict)
			}
		}
	}
	if flooded == 0 {
		t.Fatal("the flood was never refused; this test shows nothing")
	}
}

// TestQuietClientBesideFlood: in one network, clients that run wild do not shut out the others.
func TestQuietClientBesideFlood(t *testing.T) {
	for name, at := range map[string]func(i int) netip.Addr{
		"IPv4": func(i int) netip.Addr { return v4(1, i) },
		"IPv6": func(i int) netip.Addr { return v6(1, i, 1) },
	} {
		site := newSite(t, limit.Config{})
		reasons := map[limit.Reason]int{}
		for ms := 0; ms < 60000; ms += 2 {
			now := start.Add(time.Duration(ms) * time.Millisecond)
			for i := range 3 {
				reasons[site.Allow(at(i), 5, now).Reason]++
			}
			if i := ms / 1000; ms%1000 == 0 { // one batch a second, from other clients of the network
				if verdict := site.Allow(at(10+i%8), 10, now); !verdict.OK() {
					t.Fatalf("%s: after %d ms a quiet client: %+v, want it taken", name, ms, verdict)
				}
			}
		}
		if reasons[limit.ByClient] == 0 {
			t.Fatalf("%s: the flood was refused by %v, want by its clients' share", name, reasons)
		}
	}
}

// TestSharedAddress: hundreds of people behind one address are one client, and not limited as such.
func TestSharedAddress(t *testing.T) {
	site := newSite(t, limit.Config{})
	for ms := 0; ms < 60000; ms += 10 { // 100 events a second
		if verdict := site.Allow(v4(1, 1), 1, start.Add(time.Duration(ms)*time.Millisecond)); !verdict.OK() {
			t.Fatalf("after %d ms: %+v, want it taken", ms, verdict)
		}
	}
}

// TestClockSteps: a clock without monotonic part that is set back or forward locks nobody out, and opens the gates for no
// more than one full bucket.
func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 5 * time.Second, -5 * time.Second} {
		site := newSite(t, limit.Config{})
		cfg := limit.DefaultConfig()
		flood(site, start, 20*time.Second, v4(1, 1), v4(1, 2))
		site.Allow(v4(2, 1), 1, start.Add(20*time.Second))

		after := start.Add(20*time.Second + step)
		share := int(cfg.Rate) / cfg.NetworkShare
		if got, most := flood(site, after, 10*time.Second, v4(1, 1), v4(1, 2)), share*(10+10); got > most {
			t.Errorf("step %v: %d events in the 10 s after it, want at most %d", step, got, most)
		}
		if got := flood(site, after.Add(10*time.Second), 10*time.Second, v4(1, 1), v4(1, 2)); got < share*8 {
			t.Errorf("step %v: %d events in the second 10 s after it, want about %d", step, got, share*10)
		}
		if verdict := site.Allow(v4(2, 1), 1, after); !verdict.OK() && verdict.RetryAfter > cfg.Window {
			t.Errorf("step %v: a quiet network is refused for %v", step, verdict.RetryAfter)
		}
	}
}

// TestClockBeforeStart: a clock that was set back before the limiter was made finds full buckets.
func TestClockBeforeStart(t *testing.T) {
	for _, back := range []time.Duration{time.Second, 5 * time.Second, time.Hour} {
		site := newSite(t, limit.Config{})
		for n := range 20 {
			if verdict := site.Allow(v4(n, 1), 50, start.Add(-back)); !verdict.OK() {
				t.Fatalf("%v before the start, first batch of network %d: %+v, want it taken", back, n, verdict)
			}
		}
	}
}

func TestMonotonicTimeSeesNoSteps(t *testing.T) {
	site := newSite(t, limit.Config{})
	now := time.Now()
	for site.Allow(v4(1, 1), 50, now).OK() {
	}
	// The same instant by the monotonic clock is the same instant, whatever the wall clock became meanwhile.
	if site.Allow(v4(1, 1), 50, now).OK() {
		t.Fatal("a full bucket took a batch at the same instant")
	}
}

func TestConfigFailure(t *testing.T) {
	f := func(cfg limit.Config) {
		t.Helper()
		if _, err := limit.New(cfg); err == nil {
			t.Fatalf("New(%+v): want error", cfg)
		}
	}
	f(limit.Config{Rate: -1})
	f(limit.Config{Rate: 20}) // a network's share holds no batch
	f(limit.Config{Rate: 1e9})
	f(limit.Config{Window: time.Millisecond})
	f(limit.Config{Window: time.Hour})
	f(limit.Config{NetworkShare: -1})
	f(limit.Config{FairNetworks: 5000})
	f(limit.Config{FairClients: -3})
	f(limit.Config{Entries: 1})

	l, err := limit.New(limit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Site(1); err == nil {
		t.Fatal("Site(1): want error")
	}
}

func TestAllowAllocatesNothing(t *testing.T) {
	site := newSite(t, limit.Config{})
	now, n := start, 0
	allocs := testing.AllocsPerRun(1000, func() {
		n++
		now = now.Add(time.Millisecond)
		site.Allow(v4(n, 1), 1, now)
		site.Allow(v6(n, 1, 1), 50, now)
	})
	if allocs != 0 {
		t.Fatalf("Allow allocates %v times, want 0", allocs)
	}
}

func BenchmarkAllow(b *testing.B) {
	b.ReportAllocs()
	site := newSite(b, limit.Config{Rate: 1e6})
	now, n := time.Now(), 0
	for b.Loop() {
		n++
		site.Allow(v4(n&0xffff, n&7), 1, now.Add(time.Duration(n)*time.Microsecond))
	}
}

func BenchmarkAllowParallel(b *testing.B) {
	b.ReportAllocs()
	site := newSite(b, limit.Config{Rate: 1e6})
	b.RunParallel(func(pb *testing.PB) {
		now, n := time.Now(), rand.IntN(1000)
		for pb.Next() {
			n++
			site.Allow(v4(n&0xffff, n&7), 1, now.Add(time.Duration(n)*time.Microsecond))
		}
	})
}
