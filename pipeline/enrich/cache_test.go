package enrich

import (
	"fmt"
	"sync"
	"testing"
	"unsafe"
)

func testClients() (c *clients, missed *int) {
	missed = new(int)
	return &clients{bots: bots, cache: newCache[Client](), missed: func() { *missed++ }}, missed
}

func (c *clients) of(h Headers) Client { return c.get(&h) }

func (c *cache[V]) entries() (n int) {
	for i := range c.sets {
		for w := range c.sets[i] {
			if c.sets[i][w].Load() != nil {
				n++
			}
		}
	}
	return n
}

func TestClientIsRemembered(t *testing.T) {
	c, missed := testClients()
	for range 3 {
		for _, want := range clientCases(t) {
			if got := c.of(want.headers()); got != want.Want {
				t.Errorf("%s: Client = %+v, want %+v", want.Name, got, want.Want)
			}
		}
	}
	if n := len(clientCases(t)); *missed > n {
		t.Errorf("%d reads of %d clients seen three times, want one each", *missed, n)
	}
}

// Every field of Headers that changes the meaning must be part of the key: each pair here differs in one.
func TestClientsAreNotMixedUp(t *testing.T) {
	c, _ := testClients()
	const ua = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	full := Headers{
		UserAgent: ua, CHUA: `"Google Chrome";v="124"`, CHMobile: "?0", CHPlatform: `"Windows"`,
		SecFetchSite: "cross-site", SecFetchMode: "cors", SecFetchDest: "empty", Accept: "*/*", AcceptLanguage: "de",
	}
	f := func(change func(*Headers)) {
		t.Helper()
		for _, secure := range []bool{false, true} {
			h := full
			h.Trustworthy = secure
			c.of(h)
			change(&h)
			if got, want := c.of(h), readClient(h); got != want {
				t.Errorf("Client = %+v after another, want %+v", got, want)
			}
		}
	}
	f(func(h *Headers) { h.UserAgent = "curl/8" })
	f(func(h *Headers) { h.UserAgent, h.CHUA = "", ua })
	f(func(h *Headers) { h.CHUA = `"Microsoft Edge";v="124"` })
	f(func(h *Headers) { h.CHMobile = "?1" })
	f(func(h *Headers) { h.CHPlatform = `"Linux"` })
	f(func(h *Headers) { h.SecFetchSite = "" })
	f(func(h *Headers) { h.SecFetchMode = "navigate" })
	f(func(h *Headers) { h.CHUA, h.Accept = "", "" })
	f(func(h *Headers) { h.CHUA, h.AcceptLanguage = "", "" })
	f(func(h *Headers) { h.CHUA, h.SecFetchSite, h.SecFetchMode, h.SecFetchDest = "", "", "", "" })
}

func TestCacheIsBounded(t *testing.T) {
	cache := newCache[Client]()
	for i := range 4 * cacheSets * cacheWays {
		cache.put(keyIn(cache, seenHeaders{userAgent: fmt.Sprint(i)}), Client{Browser: chrome})
	}
	if got := cache.entries(); got > cacheSets*cacheWays {
		t.Errorf("%d entries, want at most %d", got, cacheSets*cacheWays)
	}
	bytes := unsafe.Sizeof(*cache) + cacheSets*cacheWays*96 // the allocator's size for an entry
	if size := unsafe.Sizeof(cacheEntry[Client]{}); size > 96 || bytes > 1_800_000 {
		t.Errorf("an entry has %d bytes, the cache %d, want at most 96 and 1.8 MB", size, bytes)
	}
}

func TestFloodKeepsWhatIsUsed(t *testing.T) {
	cache := newCache[Client]()
	wanted := keyIn(cache, seenHeaders{userAgent: "wanted"})
	cache.put(wanted, Client{Browser: firefox})
	cache.get(wanted)
	for i := range 4 * cacheSets * cacheWays {
		cache.put(keyIn(cache, seenHeaders{userAgent: fmt.Sprint(i)}), Client{Browser: chrome})
	}
	if got, ok := cache.get(wanted); !ok || got.Browser != firefox {
		t.Errorf("get = %+v, %v after a flood of others, want it kept", got, ok)
	}
}

func TestSetMakesRoomWhenAllAreUsed(t *testing.T) {
	cache := newCache[Client]()
	key := func(i uint64) cacheKey { return cacheKey{7, i} } // all in one set
	for i := range uint64(cacheWays + 1) {
		want := Client{Browser: fmt.Sprint(i)} // the keys differ in their second half alone
		cache.put(key(i), want)
		if got, ok := cache.get(key(i)); !ok || got != want {
			t.Errorf("get of key %d = %+v, %v, want %+v", i, got, ok, want)
		}
	}
}

func TestCacheByManyGoroutines(t *testing.T) {
	c := &clients{bots: bots, cache: newCache[Client](), missed: func() {}}
	cases := clientCases(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 10 * len(cases) {
				want := cases[i%len(cases)]
				if got := c.of(want.headers()); got != want.Want {
					t.Errorf("%s: Client = %+v, want %+v", want.Name, got, want.Want)
				}
			}
		})
	}
	wg.Wait()
}

func TestClientAllocations(t *testing.T) {
	e, _ := open(t, Config{})
	h := asked(chromeOnWindows, brandsOf124, `"Windows"`)
	e.Client(h)
	if got := testing.AllocsPerRun(1000, func() { e.Client(h) }); got > 0 {
		t.Errorf("Client: %v allocations for headers seen before, want 0", got)
	}
}

func BenchmarkClient(b *testing.B) {
	c, _ := testClients()
	cases := clientCases(b)
	headers := make([]Headers, len(cases))
	for i := range cases {
		headers[i] = cases[i].headers()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.of(headers[i%len(headers)])
	}
}

func BenchmarkClientParallel(b *testing.B) {
	c := &clients{bots: bots, cache: newCache[Client](), missed: func() {}}
	h := clientCases(b)[0].headers()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.of(h)
		}
	})
}
