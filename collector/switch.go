package collector

import (
	"fmt"
	"time"

	"heed/consent"
)

// switchedOff is a site whose owner has switched the wall of its pages off, in an emergency.
type switchedOff struct {
	until   time.Time
	loaders map[consent.BrowserVariant]*Asset
}

// SwitchOff serves other loaders for a site until a moment, which tell its pages to hold nothing back, and has gpc.json say so
// meanwhile. It ends by itself, or by a call without loaders. It may be called while the collector serves.
func (c *Collector) SwitchOff(siteID string, loaders []Loader, until time.Time) error {
	for _, s := range c.sites {
		if s.ID != siteID {
			continue
		}
		if len(loaders) == 0 {
			s.off.Store(nil)
			return nil
		}
		other := s.Site
		other.Loaders = loaders
		if err := other.validateLoaders(); err != nil {
			return err
		}
		s.off.Store(&switchedOff{until: until, loaders: loadersByVariant(loaders)})
		return nil
	}
	return fmt.Errorf("there is no site %q", siteID)
}

// offNow returns what is served while the wall is switched off; nil while it is not.
func (s *site) offNow(now time.Time) *switchedOff {
	if off := s.off.Load(); off != nil && now.Before(off.until) {
		return off
	}
	return nil
}

func loadersByVariant(loaders []Loader) map[consent.BrowserVariant]*Asset {
	byVariant := make(map[consent.BrowserVariant]*Asset, len(loaders))
	for i, l := range loaders {
		byVariant[consent.BrowserVariant{Rules: l.Rules, Links: l.Links}] = &loaders[i].File
	}
	return byVariant
}
