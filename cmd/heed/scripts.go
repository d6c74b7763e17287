package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"heed/collector"
	"heed/pipeline/clickhouse"
)

// shareWait is how long a start waits for ClickHouse to take the scripts. After it the collector starts all the same, and
// they are stored later.
const shareWait = 5 * time.Second

// shareScripts stores the scripts of this collector where all collectors of the install find them, and takes over those
// that others have stored: a page that one has sent to a script may ask another for it. It comes before the first loader
// is served, so that what a loader names is stored, unless ClickHouse is away.
func (c *gatherer) shareScripts(ctx context.Context) error {
	if c.storage == nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, shareWait)
	defer cancel()
	err := c.exchangeScripts(wait)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	c.logger.Warn("scripts are not shared yet, will try again: other collectors cannot serve those of this one",
		"component", "heed", "err", err)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends with ctx, which the stop ends
		defer close(done)
		c.storeScriptsLater(ctx)
	}()
	c.atStop(func(context.Context) error { stop(); <-done; return nil })
	return nil
}

// exchangeScripts stores and takes over all scripts.
func (c *gatherer) exchangeScripts(ctx context.Context) error {
	select {
	case <-c.storage.ready:
	case <-ctx.Done():
		return fmt.Errorf("ClickHouse has not answered yet: %w", ctx.Err())
	}
	for i := range c.edge.sites {
		site := &c.edge.sites[i].collected
		stored, err := storeScripts(ctx, c.storage.store, *site)
		if err != nil {
			return err
		}
		others, err := fetchScripts(ctx, c.storage.store, *site, stored)
		if err != nil {
			return err
		}
		dir := filepath.Join(c.cfg.DataDir, "bundles", site.Key)
		if site.Assets, err = keepAssets(dir, append(slices.Clone(site.Assets), others...)); err != nil {
			return err
		}
	}
	return nil
}

// storeScriptsLater tries until all scripts are stored.
func (c *gatherer) storeScriptsLater(ctx context.Context) {
	for ; ctx.Err() == nil; sleep(ctx, maxReconnect) {
		if !c.storage.isReady() {
			continue
		}
		failed := slices.ContainsFunc(c.edge.sites, func(site builtSite) bool {
			_, err := storeScripts(ctx, c.storage.store, site.collected)
			return err != nil
		})
		if !failed {
			c.logger.Info("scripts are shared", "component", "heed")
			return
		}
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// storeScripts stores those of a site's scripts that the store lacks, and returns the hashes of all that it has.
func storeScripts(ctx context.Context, store *clickhouse.Store, site collector.Site) (hashes []string, err error) {
	if hashes, err = store.BundleHashes(ctx, site.ID); err != nil {
		return nil, err
	}
	for _, a := range site.Assets {
		hash := keptHash(a.Name)
		if hash == "" || a.ContentType == jsonType || slices.Contains(hashes, hash) {
			continue
		}
		bundle := clickhouse.Bundle{Site: site.ID, Hash: hash, Plain: a.Plain, Gzip: a.Gzip, Brotli: a.Brotli}
		if err := store.PutBundle(ctx, bundle); err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// fetchScripts returns those of the scripts with these hashes that the site lacks.
func fetchScripts(ctx context.Context, store *clickhouse.Store, site collector.Site, hashes []string) ([]collector.Asset, error) {
	var others []collector.Asset
	for _, hash := range hashes {
		name := hash + ".js"
		if slices.ContainsFunc(site.Assets, func(a collector.Asset) bool { return a.Name == name }) || keptHash(name) == "" {
			continue
		}
		bundle, ok, err := store.Bundle(ctx, site.ID, hash)
		if err != nil {
			return nil, err
		}
		if ok {
			others = append(others, *bundleAsset(bundle))
		}
	}
	return others, nil
}
