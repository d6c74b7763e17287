package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"golang.org/x/net/publicsuffix"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/durable"
	"heed/snippet"
)

// builtSite is a site with its script.
type builtSite struct {
	endpoint  string // where its pages reach the collector
	collected collector.Site
}

// How long browsers keep the two kinds of files. A loader names the bundle of the day; a bundle never changes.
const (
	loaderCache = "public, max-age=300"
	bundleCache = "public, max-age=31536000, immutable"
	javaScript  = "text/javascript; charset=utf-8"
)

// noticeVersion is counted up when what visitors are told changes: everyone is then asked again.
const noticeVersion = 1

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
	return append(slices.Clone(sites), *site)
}

// buildSites makes the scripts of all sites and keeps them in the data folder, so that a page that was cached with an
// older one still gets it. Pages reach the collector at the site's public URL, or at public where it has none.
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
		built = append(built, made)
		fmt.Fprintf(progress, "built the script of site %s (%d of %d)\n", site.ID, i+1, len(sites))
	}
	return built, nil
}

func buildSite(site Site, endpoint, cookieName string, in *install) (builtSite, error) {
	notice, err := noticeID(site.ID)
	if err != nil {
		return builtSite{}, err
	}
	bundle, err := snippet.Build(snippet.Site{
		ID: site.ID, Key: site.Key, Endpoint: endpoint, Notice: notice,
		CookieName: cookieName, CookieDomain: cookieDomain(site),
		Asserts:  consent.Site{AnonymousCount: site.AnonymousCount, Exemption: site.Exemption.Asserted()},
		Features: snippet.Features{Routes: site.SPA, Engagement: site.Engagement, Forms: site.Forms},
	})
	if err != nil {
		return builtSite{}, err
	}
	return builtSite{endpoint: endpoint, collected: collector.Site{
		ID: site.ID, Key: site.Key, Origins: site.Origins,
		AnonymousCount: site.AnonymousCount, Exemption: site.Exemption.Asserted(), RetentionMonths: site.RetentionMonths,
		Rate:       float64(site.Rate),
		VisitorKey: in.siteKey("visitor", site.ID), SealKey: in.siteKey("seal", site.ID), Notice: notice,
		Assets: []collector.Asset{
			asset(snippet.LoaderName, loaderCache, bundle.Loaders[0].File),
			asset(bundle.Script.Name(), bundleCache, bundle.Script),
			asset(bundle.Consent.Name(), bundleCache, bundle.Consent),
		},
	}}, nil
}

// asset gives one file its headers.
func asset(name, cache string, file snippet.File) collector.Asset {
	return collector.Asset{
		Name: name, ContentType: javaScript, CacheControl: cache, ETag: `"` + file.Hash + `"`,
		Plain: file.Plain, Gzip: file.Gzip, Brotli: file.Brotli,
	}
}

// noticeID names what visitors of a site are told. Until banners are built that is the same few words everywhere.
func noticeID(site string) (string, error) {
	material, err := json.Marshal(struct { // keys in the order of the alphabet, as canonical JSON wants
		Categories  string `json:"categories"`
		Site        string `json:"site"`
		TextVersion int    `json:"text_version"`
	}{consent.All.String(), site, noticeVersion})
	if err != nil {
		return "", fmt.Errorf("encode notice: %w", err)
	}
	return consent.NoticeID(material), nil
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

// bundleFile is the name of a kept bundle: the hash of its bytes.
var bundleFile = regexp.MustCompile(`^[0-9a-f]{20}\.js$`)

// keepAssets stores the bundles among assets, before any loader can name them, and returns all assets together with
// the bundles that earlier runs have kept.
func keepAssets(dir string, assets []collector.Asset) ([]collector.Asset, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep scripts: %w", err)
	}
	current := map[string]bool{}
	for _, a := range assets {
		if !bundleFile.MatchString(a.Name) {
			continue
		}
		current[a.Name] = true
		if _, err := os.Stat(filepath.Join(dir, a.Name)); err == nil {
			continue // same name, same bytes
		}
		// The plain form last: it alone makes a bundle count as kept.
		for suffix, data := range map[string][]byte{".gz": a.Gzip, ".br": a.Brotli} {
			if err := durable.WriteFile(filepath.Join(dir, a.Name+suffix), data); err != nil {
				return nil, err
			}
		}
		if err := durable.WriteFile(filepath.Join(dir, a.Name), a.Plain); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read kept scripts: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); bundleFile.MatchString(name) && !current[name] {
			old, err := readBundle(dir, name)
			if err != nil {
				return nil, err
			}
			assets = append(assets, old)
		}
	}
	return assets, nil
}

func readBundle(dir, name string) (collector.Asset, error) {
	file := snippet.File{Hash: name[:len(name)-len(".js")]}
	var errs []error
	read := func(suffix string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name+suffix))
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		return data
	}
	file.Plain, file.Gzip, file.Brotli = read(""), read(".gz"), read(".br")
	if err := errors.Join(errs...); err != nil {
		return collector.Asset{}, fmt.Errorf("read kept script: %w", err)
	}
	return asset(name, bundleCache, file), nil
}
