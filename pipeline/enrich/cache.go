package enrich

import (
	"hash/maphash"
	"sync/atomic"
)

// What a clientCache can grow to: 16,384 clients of 88 bytes, which take 96, and their pointers, 1.7 MB in all. Every
// string in a Client is a word of this package's tables, so an entry owns nothing else.
const (
	cacheSets = 4096 // a power of two
	cacheWays = 4
)

// clientCache remembers what headers meant. It keeps no header: an entry's key is a hash of 128 bits under two keys that
// this process chose at random and tells nobody, so what is remembered is of no use without the process, and no user
// agent outlives its request.
//
// Two different sets of headers could share a hash. By chance, one new client in 2^114 would meet one of 16,384 others.
// On purpose: maphash is no cryptographic hash, but who would aim never sees a hash or learns a key, both halves would
// have to be hit at once, and at headers that someone else sends byte for byte. Won would be a wrong browser, system,
// device or bot mark on that client's events until the entry is driven out. Nothing leaks: every result is one of some
// hundred words, whoever's it is.
//
// Readers and writers need no lock. An entry is never changed once it is in its set, its mark apart.
type clientCache struct {
	seeds [2]maphash.Seed
	sets  [cacheSets]cacheSet
}

type cacheSet [cacheWays]atomic.Pointer[cacheEntry]

type cacheEntry struct {
	key    cacheKey
	client Client
	used   atomic.Bool // found since it was put here, or since its set was last full of used ones
}

type cacheKey [2]uint64

// seenHeaders is what a client's meaning depends on. It holds nothing beyond the call.
type seenHeaders struct {
	userAgent, chUA, chPlatform string
	signs                       sign
}

func newClientCache() *clientCache {
	return &clientCache{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (c *clientCache) key(seen seenHeaders) cacheKey {
	return cacheKey{maphash.Comparable(c.seeds[0], seen), maphash.Comparable(c.seeds[1], seen)}
}

func (c *clientCache) get(key cacheKey) (Client, bool) {
	set := &c.sets[key[0]%cacheSets]
	for i := range set {
		e := set[i].Load()
		if e == nil || e.key != key {
			continue
		}
		if !e.used.Load() { // to write only once keeps the entry in every core's cache
			e.used.Store(true)
		}
		return e.client, true
	}
	return Client{}, false
}

// put takes an empty place, or that of an entry that nobody asked for again. So a flood of made-up user agents, each
// seen once, drives out its own.
func (c *clientCache) put(key cacheKey, client Client) {
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
	set[victim].Store(&cacheEntry{key: key, client: client})
}
