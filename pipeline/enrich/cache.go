package enrich

import (
	"hash/maphash"
	"sync/atomic"
)

// What a cache can grow to: 16,384 entries and their pointers. A Client's entry takes 96 bytes, a Place's 80, and their
// strings are shared by many: 1.7 MB each.
const (
	cacheSets = 4096 // a power of two
	cacheWays = 4
)

// cache remembers what headers or an address meant. It keeps neither: an entry's key is a hash of 128 bits under two keys
// that this process chose at random and tells nobody, so what is remembered is of no use without the process, and no
// user agent and no address outlives its request.
//
// Two different inputs could share a hash. By chance, one new one in 2^114 would meet one of 16,384 others. On purpose:
// maphash is no cryptographic hash, but who would aim never sees a hash or learns a key, both halves would have to be hit
// at once, and at something that someone else sends byte for byte. Won would be a wrong browser, system, device, place or
// bot mark on that client's events until the entry is driven out. Nothing leaks: every result is one of a closed set of
// words, whoever's it is.
//
// Readers and writers need no lock. An entry is never changed once it is in its set, its mark apart.
type cache[V any] struct {
	seeds [2]maphash.Seed
	sets  [cacheSets]cacheSet[V]
}

type cacheSet[V any] [cacheWays]atomic.Pointer[cacheEntry[V]]

type cacheEntry[V any] struct {
	key   cacheKey
	value V
	used  atomic.Bool // found since it was put here, or since its set was last full of used ones
}

type cacheKey [2]uint64

// seenHeaders is what a client's meaning depends on. It holds nothing beyond the call.
type seenHeaders struct {
	userAgent, chUA, chPlatform string
	signs                       sign
}

// seenAddress is what a place depends on: the address, and how often geo files have been replaced.
type seenAddress struct {
	address  [16]byte
	replaced uint64
}

func newCache[V any]() *cache[V] {
	return &cache[V]{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// keyIn is where c keeps what was seen.
func keyIn[V any, K comparable](c *cache[V], seen K) cacheKey {
	return cacheKey{maphash.Comparable(c.seeds[0], seen), maphash.Comparable(c.seeds[1], seen)}
}

func (c *cache[V]) get(key cacheKey) (value V, ok bool) {
	set := &c.sets[key[0]%cacheSets]
	for i := range set {
		e := set[i].Load()
		if e == nil || e.key != key {
			continue
		}
		if !e.used.Load() { // to write only once keeps the entry in every core's cache
			e.used.Store(true)
		}
		return e.value, true
	}
	return value, false
}

// put takes an empty place, or that of an entry that nobody asked for again. So a flood of made-up user agents, each
// seen once, drives out its own.
func (c *cache[V]) put(key cacheKey, value V) {
	set := &c.sets[key[0]%cacheSets]
	victim := -1
	for i := range set {
		e := set[i].Load()
		if e == nil {
			victim = i
			break
		}
		if victim < 0 && !e.used.Load() {
			victim = i
		}
	}
	if victim < 0 {
		for i := range set {
			set[i].Load().used.Store(false)
		}
		victim = int(key[1] % cacheWays)
	}
	set[victim].Store(&cacheEntry[V]{key: key, value: value})
}
