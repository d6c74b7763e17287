package main

import (
	"context"
	"sync"
	"time"

	"heed/collector"
	"heed/pipeline/clickhouse"
	"heed/snippet"
)

const (
	// findTimeout bounds how long a browser waits for a script that only ClickHouse has.
	findTimeout = time.Second
	// askAgain is how soon a script is asked for again that was not there: anybody may ask for any name.
	askAgain = 5 * time.Second
	// maxFound bounds the scripts that are remembered, some 20 kB each, and as many names that stand for none.
	maxFound = 1000
)

// finder fetches scripts that other collectors have built after this one started, as while an upgrade goes from one to
// the next. It asks for one at a time, and remembers what it was told.
type finder struct {
	storage *storage
	now     func() time.Time
	asking  chan struct{} // holds one while ClickHouse is asked; names at random wait here, those that are known do not

	mu      sync.Mutex
	found   map[scriptName]*collector.Asset
	missing map[scriptName]time.Time // when it was not there
}

type scriptName struct{ site, name string }

func newFinder(storage *storage, now func() time.Time) *finder {
	return &finder{
		storage: storage, now: now, asking: make(chan struct{}, 1),
		found: map[scriptName]*collector.Asset{}, missing: map[scriptName]time.Time{},
	}
}

// find returns a script, or nil when nobody has stored it, or ClickHouse does not say in time.
func (f *finder) find(site, name string) *collector.Asset {
	at, hash := scriptName{site, name}, keptHash(name)
	if hash == "" || !f.storage.isReady() {
		return nil
	}
	if script, ok := f.recall(at); ok {
		return script
	}
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	select {
	case f.asking <- struct{}{}:
		defer func() { <-f.asking }()
	case <-ctx.Done():
		return nil // too many ask; the next page view asks again
	}
	if script, ok := f.recall(at); ok { // whoever was before us in the row has asked for the same
		return script
	}
	return f.remember(at, f.fetch(ctx, site, hash))
}

// fetch asks the store for a script, or for a notice in the archive; nil when it is not there.
func (f *finder) fetch(ctx context.Context, site, hash string) *collector.Asset {
	if len(hash) == noticeHashDigits {
		n, ok, err := f.storage.store.Notice(ctx, site, hash)
		if err != nil || !ok {
			return nil
		}
		a := keptAsset(hash+".json", snippet.File{Hash: hash, Encoded: snippet.Encoded{Plain: n.Text}})
		return &a
	}
	bundle, ok, err := f.storage.store.Bundle(ctx, site, hash)
	if err != nil || !ok {
		return nil
	}
	return bundleAsset(bundle)
}

// recall returns what was said of a script, and false when that is to be asked.
func (f *finder) recall(at scriptName) (script *collector.Asset, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if script = f.found[at]; script != nil {
		return script, true
	}
	asked, ok := f.missing[at]
	return nil, ok && f.now().Sub(asked) < askAgain
}

// remember keeps what was said. Names at random push out each other, and no script: those make room one at a time.
func (f *finder) remember(at scriptName, script *collector.Asset) *collector.Asset {
	f.mu.Lock()
	defer f.mu.Unlock()
	if script == nil {
		if len(f.missing) >= maxFound {
			clear(f.missing)
		}
		f.missing[at] = f.now()
		return nil
	}
	for other := range f.found {
		if len(f.found) < maxFound {
			break
		}
		delete(f.found, other)
	}
	delete(f.missing, at)
	f.found[at] = script
	return script
}

// bundleAsset is a stored script as a collector serves it.
func bundleAsset(b clickhouse.Bundle) *collector.Asset {
	a := keptAsset(b.Hash+".js", snippet.File{Hash: b.Hash, Encoded: snippet.Encoded{Plain: b.Plain, Gzip: b.Gzip, Brotli: b.Brotli}})
	return &a
}
