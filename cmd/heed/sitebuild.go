package main

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"

	"golang.org/x/net/publicsuffix"

	"heed/collector"
	"heed/consent/notice"
	"heed/snippet"
)

// builtSite is a site with its script.
type builtSite struct {
	endpoint  string // where its pages reach the collector
	tag       string // what they paste
	pages     snippet.Site
	collected collector.Site
}

// How long browsers keep what never changes: scripts and notices have the hash of their bytes as their name.
const (
	bundleCache = "public, max-age=31536000, immutable"
	javaScript  = "text/javascript; charset=utf-8"
)

const demoSite = "demo"

// checkServable refuses to serve nobody.
func (c *Config) checkServable() problems {
	if len(c.Sites) == 0 && !c.Demo.Enabled {
		return problems{{key: "sites", what: "there is no site to serve",
			remedy: "describe one under sites: in " + defaultConfigFile + ", or try heed serve --demo"}}
	}
	if !c.Demo.Enabled {
		return nil
	}
	for _, site := range c.Sites {
		if site.Key == demoSite && site.ID != demoSite {
			return problems{{origin: site.line, key: site.at + ".key", what: "the key demo belongs to the demo site",
				remedy: "give the site another key, or serve without --demo"}}
		}
	}
	return nil
}

func siteIDs(cfg *Config) []string {
	var ids []string
	for _, site := range cfg.Sites {
		ids = append(ids, site.ID)
	}
	if cfg.Demo.Enabled && !slices.Contains(ids, demoSite) {
		ids = append(ids, demoSite)
	}
	return ids
}

// withDemoSite adds the demo's site, unless the configuration describes it itself.
func withDemoSite(sites []Site, address net.Addr) []Site {
	if slices.ContainsFunc(sites, func(s Site) bool { return s.ID == demoSite }) {
		return sites
	}
	site := newSite()
	site.ID, site.Key = demoSite, demoSite
	site.Origins = []string{"http://" + reachable(address)}
	if tcp, ok := address.(*net.TCPAddr); ok {
		local := fmt.Sprintf("http://localhost:%d", tcp.Port)
		if !slices.Contains(site.Origins, local) {
			site.Origins = append(site.Origins, local)
		}
	}
	site.Declared = demoDeclaration(site.Origins[0])
	return append(slices.Clone(sites), *site)
}

// buildSites makes scripts and notices of all sites and keeps them in the data folder, so that a page that was cached with
// older ones still gets them. Pages reach the collector at the site's public URL, or at public where it has none.
func buildSites(sites []Site, public string, in *install, dataDir string, progress io.Writer) ([]builtSite, error) {
	names := cookieNames(sites)
	built := make([]builtSite, 0, len(sites))
	for i, site := range sites {
		made, err := buildSite(site, cmp.Or(site.PublicURL, public)+in.Prefix+"/"+site.Key, names[i], in)
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(dataDir, "bundles", site.Key)
		if made.collected.Assets, err = keepAssets(dir, made.collected.Assets); err != nil {
			return nil, err
		}
		made.collected.Notices = withKeptNotices(made.collected)
		built = append(built, made)
		fmt.Fprintf(progress, "built the script of site %s (%d of %d)\n", site.ID, i+1, len(sites))
	}
	return built, nil
}

func buildSite(site Site, endpoint, cookieName string, in *install) (builtSite, error) {
	notices, err := site.notices()
	if err != nil {
		return builtSite{}, err
	}
	pages := site.snippet(endpoint, cookieName, notices)
	bundle, err := snippet.Build(pages)
	if err != nil {
		return builtSite{}, err
	}
	tag, err := pages.Tag()
	if err != nil {
		return builtSite{}, err
	}
	made := collectedSite(site, in)
	if err := in.addOverlay(&made, pages); err != nil {
		return builtSite{}, err
	}
	made.ChoiceCookie, made.ChoiceDomain = cookieName, cookieDomain(site)
	made.Notice, made.Notices = notices[0].Ref.ID, forCollector(notices)
	made.Loaders = loadersOf(bundle)
	made.Assets, err = assetsOf(bundle, notices)
	return builtSite{endpoint: endpoint, tag: tag, pages: pages, collected: made}, err
}

// loadersOf are the short-lived scripts of a site, which name the others.
func loadersOf(bundle snippet.Bundle) (loaders []collector.Loader) {
	for _, l := range bundle.Loaders {
		loaders = append(loaders, collector.Loader{Rules: l.Rules, Links: l.Links, File: asset(snippet.LoaderName, "", l.File)})
	}
	return loaders
}

// snippet is what the settings say of a site to the build of its scripts and its tag.
func (s *Site) snippet(endpoint, cookieName string, notices []notice.Built) snippet.Site {
	return snippet.Site{
		ID: s.ID, Key: s.Key, Endpoint: endpoint, Notice: notices[0].Ref.ID,
		CookieName: cookieName, CookieDomain: cookieDomain(*s),
		Asserts: s.asserts(), Notices: forSnippet(notices), RecordShown: s.RecordShown, Button: s.hasButton(),
		Features: snippet.Features{Routes: s.SPA, Engagement: s.Engagement, Forms: s.Forms},
		Wall:     s.wall(),
	}
}

// collectedSite is what the settings say of a site to the collector.
func collectedSite(site Site, in *install) collector.Site {
	return collector.Site{
		ID: site.ID, Key: site.Key, Origins: site.Origins, RetentionMonths: site.RetentionMonths, Rate: float64(site.Rate),
		AnonymousCount: site.AnonymousCount, Exemption: site.Exemption.Asserted(), UnknownAfterGrant: site.UnknownAfterGrant,
		AssumePlace: site.AssumePlace, Children: site.Children,
		VisitorKey: in.siteKey("visitor", site.ID), SealKey: in.siteKey("seal", site.ID), OldSealKeys: in.oldSealKeys(site.ID),
		GPC: site.holdsBack(), GPCSince: gpcSince(),
	}
}

// assetsOf are the files that never change: what loaders name, and what the script fetches.
func assetsOf(bundle snippet.Bundle, notices []notice.Built) ([]collector.Asset, error) {
	assets := []collector.Asset{asset(bundle.Script.Name(), bundleCache, bundle.Script)}
	for _, script := range append(bundle.Consents, bundle.Banner) {
		assets = append(assets, asset(script.Name(), bundleCache, script))
	}
	if bundle.Words.Hash != "" {
		words := asset(bundle.WordsName(), bundleCache, bundle.Words)
		words.ContentType = jsonType
		assets = append(assets, asset(bundle.Wall.Name(), bundleCache, bundle.Wall), words)
	}
	for _, n := range notices {
		a, err := noticeAsset(n)
		if err != nil {
			return nil, err
		}
		assets = append(assets, a)
	}
	return assets, nil
}

// asset gives one file its headers.
func asset(name, cache string, file snippet.File) collector.Asset {
	return collector.Asset{
		Name: name, ContentType: javaScript, CacheControl: cache, ETag: `"` + file.Hash + `"`,
		Plain: file.Plain, Gzip: file.Gzip, Brotli: file.Brotli,
	}
}

// cookieNames keeps the choices of sites apart that share cookies. A site alone on its domain uses heed.
func cookieNames(sites []Site) []string {
	owners := map[string]map[int]bool{}
	for i, site := range sites {
		for _, origin := range site.Origins {
			domain := cookieScope(origin)
			if owners[domain] == nil {
				owners[domain] = map[int]bool{}
			}
			owners[domain][i] = true
		}
	}
	names := make([]string, len(sites))
	for i, site := range sites {
		names[i] = "heed"
		for _, origin := range site.Origins {
			if len(owners[cookieScope(origin)]) > 1 {
				names[i] = "heed_" + site.Key
			}
		}
	}
	return names
}

// cookieName is the name of a site's choice cookie.
func (c *Config) cookieName(site *Site) string {
	return cookieNames(c.Sites)[slices.IndexFunc(c.Sites, func(s Site) bool { return s.ID == site.ID })]
}

// cookieDomain is what the site's choice cookie is set on, "" for the page's host alone.
func cookieDomain(site Site) string {
	if site.CookieDomain == hostOnly {
		return ""
	}
	if site.CookieDomain != "" {
		return site.CookieDomain
	}
	shared := cookieScope(site.Origins[0])
	for _, origin := range site.Origins {
		if cookieScope(origin) != shared || checkCookieDomain(shared) != nil {
			return ""
		}
	}
	return shared
}

// cookieScope is the largest domain whose pages can share a cookie with the origin's; ports do not part cookies.
func cookieScope(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return origin
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}
