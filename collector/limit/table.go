package limit

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
)

const (
	shards   = 64 // a network and its clients share one, hence one lock
	setWidth = 8  // entries that a key may stand in: two cache lines
)

// table remembers, for a bounded number of keys, when the bucket of each is full again.
//
// A key that is not there takes the place of the one in its set that owes least, and takes over what that one owes. So
// what is remembered of a key is never less than it owes: nobody is freed by being pushed out, and whoever owes much
// stays. A bucket that is full again owes nothing, and its place is free. This is the Space-Saving algorithm of Metwally,
// Agrawal and El Abbadi, with time instead of counts.
type table struct {
	shards [shards]shard
}

// shard is a part of the table under one lock.
type shard struct {
	mu     sync.Mutex
	window int64
	sets   []set // a power of two
	_      [24]byte
}

type set [setWidth]entry

// entry is one bucket. An entry of key 0 has never been used.
type entry struct {
	key uint64
	due int64 // when it is full again, in ns by the limiter's clock
}

// newTable makes a table of at least entries entries, rounded up to a power of two.
func newTable(entries int, window int64) *table {
	t := new(table)
	sets := max(entries/(shards*setWidth), 1)
	sets = 1 << bits.Len(uint(sets-1))
	for i := range t.shards {
		t.shards[i].window = window
		t.shards[i].sets = make([]set, sets)
	}
	return t
}

func (t *table) shard(key uint64) *shard { return &t.shards[key%shards] }

// find returns the entry that key has, or would take.
func (s *shard) find(key uint64) *entry {
	set := &s.sets[key/shards&uint64(len(s.sets)-1)]
	least := &set[0]
	for i := range set {
		e := &set[i]
		if e.key == key {
			return e
		}
		if e.due < least.due {
			least = e
		}
	}
	return least
}

// owed returns what key owes at a time, or more. The lock is held.
func (s *shard) owed(key uint64, at int64) int64 {
	return owedAt(s.find(key).due, at, s.window)
}

// charge adds cost to what key owes, up to a window. The lock is held.
func (s *shard) charge(key uint64, at, cost int64) {
	e := s.find(key)
	e.key = key
	e.due = at + min(owedAt(e.due, at, s.window)+cost, s.window)
}

// hashes are the keys of one sender at one site.
type hashes struct {
	network, fairNetwork, fairClient uint64
}

// count is charge, which a refused batch makes only where key is known: a flood of addresses must not fill the table with
// what was never taken. The lock is held.
func (s *shard) count(key uint64, at, cost int64, taken bool) {
	if taken || s.find(key).key == key {
		s.charge(key, at, cost)
	}
}

// Prefixes that are a network and a client. An IPv6 household gets a /64 at least, in which it changes addresses freely.
const (
	networkBits4, clientBits4 = 24, 32
	networkBits6, clientBits6 = 48, 64
)

// hashesOf returns the keys of addr. They are keyed by a seed of this process, and say nothing outside of it.
func (s *Site) hashesOf(addr netip.Addr) hashes {
	var text [8 + 16 + 1]byte // site, prefix, what the key is for
	binary.LittleEndian.PutUint64(text[:], s.id)
	network, client := networkBits6, clientBits6
	if addr = addr.Unmap(); addr.Is4() {
		network, client = 96+networkBits4, 96+clientBits4
	}
	if addr.IsValid() {
		prefix := addr.As16()
		copy(text[8:], prefix[:])
	}
	key := func(prefixBits int, purpose byte) uint64 {
		clear(text[8+prefixBits/8 : 8+16])
		text[24] = purpose
		return maphash.Bytes(s.limiter.seed, text[:])
	}
	return hashes{fairClient: key(client, 'c'), fairNetwork: key(network, 'f'), network: key(network, 'n')}
}
