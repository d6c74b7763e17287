package main

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"heed/consent"
	"heed/schemas"
	"heed/snippet"
)

// wallDeclared is what an owner says of what holds requests back on a site's pages.
type wallDeclared struct {
	Strength      string // one of wallStrengths
	Hosts         []string
	Frames        []string
	ReloadOnPlace bool
	Modes         []string
}

// Limits of package snippet; a setting names its line.
const (
	maxWallHosts    = 200
	maxServiceHosts = 50
	maxStores       = 100
	maxStoreBytes   = 128
)

// wallStrengths are the strengths of a wall, the strongest last.
func wallStrengths() []string {
	return []string{string(schemas.WallOff), string(schemas.WallTag), string(schemas.WallSealed), string(schemas.WallHeader)}
}

// wallSettings are those of a site's settings that say what holds requests back.
func wallSettings(s *Site) []setting {
	w := &s.Wall
	return []setting{
		{
			name: "wall.strength", value: oneOf(&w.Strength, wallStrengths()...), def: string(schemas.WallSealed),
			help: "What holds back requests that are not allowed: nothing, an inline script, that and a policy in the page, or the " +
				"policy of the page's own answer. heed tag says which one a site wants, and prints it.",
			limit: strings.Join(wallStrengths(), ", "),
		}, {
			name: "wall.hosts", value: upTo(maxWallHosts, listValue(&w.Hosts, checkWallHost)),
			help: "Hosts of the owner's own with which pages may always speak, beside those of origins, their registrable domain and " +
				"its www.",
			limit: "https://host or https://*.host, up to 200",
		}, {
			name: "wall.frames", value: listValue(&w.Frames, checkPagePath),
			help:  "Beginnings of the paths of pages on which frames of every host may load, as a bank's in a checkout.",
			limit: "paths, as /checkout",
		}, {
			name: "wall.reload_on_place", value: boolValue(&w.ReloadOnPlace), def: "false",
			help: "Load a page once more where the collector knows of a place that allows more than the page could know.",
		}, {
			name: "consent_modes", value: listValue(&w.Modes, checkMode),
			help:  "The consent modes of others that pages tell of each decision.",
			limit: strings.Join(snippet.Modes(), ", "),
		},
	}
}

// wallServiceSettings are those of a service's settings that the wall knows it by.
func wallServiceSettings(s *declaredService) []setting {
	return []setting{
		{
			name: "hosts", value: upTo(maxServiceHosts, listValue(&s.Hosts, checkServiceHost)),
			help:  "The hosts that it speaks with, which are held back until it is allowed.",
			limit: "https://host, https://*.host or https://host/path/, up to 50",
		}, {
			name: "marked", value: boolValue(&s.Marked), def: "false",
			help: "All its tags on the site's pages carry the mark, so that none runs before it is allowed; a yes then needs no reload.",
		}, {
			name: "stores", value: upTo(maxStores, listValue(&s.Stores, checkStoreName)),
			help:  "Names of the cookies and storage keys that it writes; * stands for any text.",
			limit: "up to 100 names, as _shop_*",
		},
	}
}

// upTo bounds a list.
func upTo(most int, list value) value {
	set := list.set
	list.set = func(text string) error {
		if strings.Count(text, listSeparator) >= most {
			return complain("join some by https://*.host, or leave them out", "it has more than %d entries", most)
		}
		return set(text)
	}
	return list
}

// checkWallHost takes a host of the owner's own.
func checkWallHost(text string) error {
	if err := checkServiceHost(text); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || strings.Trim(u.Path, "/") != "" {
		return complain("write https://www.example.com or https://*.example.com", "%q has a path, which a policy forgets after redirects", text)
	}
	return nil
}

// checkServiceHost takes a host source that allows no more than what belongs to one registrable domain.
func checkServiceHost(text string) error {
	if err := snippet.CheckHostSource(text); err != nil {
		return complain("write it as https://www.example.com, https://*.example.com or https://cdn.example.com/lib/", "%q is no host", text)
	}
	domain, wide := strings.CutPrefix(hostOf(text), "*.")
	if !wide {
		return nil
	}
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
		return complain("name the hosts themselves", "%q is everybody's below %s, a public suffix", text, domain)
	}
	return nil
}

// storeBytes are what a declared name of a cookie or key can be made of, as a class of a regular expression.
const storeBytes = `!-:<-~`

var (
	pagePathForm = regexp.MustCompile(`^(/[A-Za-z0-9._~%@+-]*)+$`)
	storeForm    = regexp.MustCompile(`^[` + storeBytes + `]+$`) // what a cookie's name can be made of, and a key, without spaces
)

func checkPagePath(text string) error {
	if !pagePathForm.MatchString(text) {
		return complain("write the beginning of a path, as /checkout", "%q is no path", text)
	}
	return nil
}

func checkMode(text string) error {
	if !slices.Contains(snippet.Modes(), text) {
		return complain("write one of "+strings.Join(snippet.Modes(), ", "), "%q is no consent mode", text)
	}
	return nil
}

func checkStoreName(text string) error {
	if len(text) > maxStoreBytes || !storeForm.MatchString(text) {
		return complain("write it as it is in the browser, with * where it changes, without spaces", "%q is no name of a cookie or key", text)
	}
	return nil
}

// wall is what the settings say of a site's wall to the snippet.
func (s *Site) wall() snippet.Wall {
	w := snippet.Wall{
		Strength: schemas.Wall(s.Wall.Strength), Hosts: slices.Concat(ownHosts(s.Origins), s.Wall.Hosts), Frames: s.Wall.Frames,
		ReloadOnPlace: s.Wall.ReloadOnPlace, Modes: s.Wall.Modes,
	}
	for _, d := range s.Declared.Services {
		category, err := consent.ParseCategories(d.Category)
		if err != nil {
			panic(err) // categoryValue has checked it
		}
		w.Services = append(w.Services, snippet.Service{
			ID: d.ID, Category: category, Hosts: d.Hosts, Marked: d.Marked, Stores: d.Stores,
		})
	}
	return w
}

// ownHosts are those of the origins, their registrable domains and the www of these; never a public suffix, below which
// everybody is.
func ownHosts(origins []string) (hosts []string) {
	add := func(host string) {
		if snippet.CheckHostSource(host) == nil && !slices.Contains(hosts, host) { // a policy has no form for IPv6; a page's own is 'self'
			hosts = append(hosts, host)
		}
	}
	for _, origin := range origins {
		add(origin)
		u, err := url.Parse(origin)
		if err != nil {
			continue
		}
		_, notNumber := netip.ParseAddr(u.Hostname())
		domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
		if notNumber == nil || err != nil {
			continue
		}
		port := strings.TrimPrefix(u.Host, u.Hostname())
		add(u.Scheme + "://" + domain + port)
		add(u.Scheme + "://www." + domain + port)
	}
	return hosts
}

// holdsBack tells whether the site's pages hold back what is not allowed. It is what gpc.json says of it.
func (s *Site) holdsBack() bool { return s.Wall.Strength != string(schemas.WallOff) }
