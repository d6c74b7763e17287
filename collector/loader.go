package collector

import (
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"heed/consent"
)

// loaderCache keeps a loader in the visitor's own browser alone: the next visitor of a shared cache may be elsewhere.
const loaderCache = "private, max-age=300"

// Loader is the site's short-lived script in the form for some places. All of a site have one name.
type Loader struct {
	Rules consent.Rules // as consent.BrowserRules gives them for those places
	Links consent.Links // as consent.BrowserLinks gives them
	File  Asset         // its CacheControl is ours to say
}

// serveLoader answers with the loader for the client's place, and says which place that is: the page's script holds it
// against what the page's own answer has said.
func (c *Collector) serveLoader(ctx *fasthttp.RequestCtx, s *site) {
	found := c.enricher.Place(c.addressOf(ctx).Addr)
	place := consent.Place{Country: found.Country, Region: found.Region}
	serveAsset(ctx, s.loaderFor(place, c.cfg.Now()))
	h := &ctx.Response.Header
	h.Set("Server-Timing", `heed;desc="`+consent.PlaceCode(place)+`"`) // letters and a dash
	h.Set("Timing-Allow-Origin", "*")
	h.Set(fasthttp.HeaderCacheControl, loaderCache)
}

// loaderFor returns the loader for a place. validateLoaders has seen that there is one for each.
func (s *site) loaderFor(place consent.Place, now time.Time) *Asset {
	loaders := s.loaders
	if off := s.offNow(now); off != nil {
		loaders = off.loaders
	}
	return loaders[consent.BrowserVariant{
		Rules: consent.BrowserRules(place, s.asserts), Links: consent.BrowserLinks(place, s.asserts),
	}]
}

// validateLoaders wants one loader for each answer that a place of the world can have, or none at all.
func (s Site) validateLoaders() error {
	if len(s.Loaders) == 0 {
		return nil
	}
	made := map[consent.BrowserVariant]bool{}
	for _, l := range s.Loaders {
		if !assetForm.MatchString(l.File.Name) || l.File.Name != s.Loaders[0].File.Name {
			return errors.New("loaders: want one file name for all")
		}
		made[consent.BrowserVariant{Rules: l.Rules, Links: l.Links}] = true
	}
	for _, v := range consent.BrowserVariants(s.asserts()) {
		if !made[v] {
			return fmt.Errorf("loaders: there is none for rules %s with links %s", v.Rules, v.Links)
		}
	}
	return nil
}
