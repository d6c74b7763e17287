package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"heed/consent"
	"heed/consent/notice"
	"heed/pipeline/enrich"
)

// sayAll prints what works, but not as the owner may think.
func sayAll(w io.Writer, warnings []string) {
	for _, text := range warnings {
		fmt.Fprintf(w, "warning: %s\n", text)
	}
}

// geo is what the settings say of the geo data.
func (c *Config) geo() enrich.Config {
	return enrich.Config{City: c.Geo.City, Network: c.Geo.Network}
}

// geoWarnings say what the geo data in use cannot tell apart.
func geoWarnings(e *enrich.Enricher) (warnings []string) {
	for _, sentence := range consent.Tells(e.Geo()) {
		warnings = append(warnings, "geo.city: "+sentence)
	}
	return warnings
}

// checkGeo opens the geo data as a start would, and returns what that would warn of.
func (c *Config) checkGeo(ctx context.Context) ([]string, error) {
	e, err := enrich.Open(ctx, c.geo(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return geoWarnings(e), nil
}

// checkNotices makes the notices of every site, and looks at what its scripts are made of, as a start would.
func (c *Config) checkNotices() (bad problems) {
	for i := range c.Sites {
		site := &c.Sites[i]
		built, err := site.notices()
		if err == nil {
			err = site.snippet("/"+site.Key, "", built).Validate() // what heed serve would build
		}
		if err != nil {
			bad = append(bad, problem{origin: site.line, key: site.at, what: err.Error(), remedy: "shorten or mend what the site declares"})
		}
	}
	return bad
}

// remarks are what works of the sites, but not as their owners may think.
func (c *Config) remarks() (found problems) {
	for i := range c.Sites {
		site := &c.Sites[i]
		warn := func(key, remedy, format string, args ...any) {
			found = append(found, problem{origin: site.line, key: site.at + "." + key, what: fmt.Sprintf(format, args...), remedy: remedy})
		}
		warnOfCount(site, warn)
		warnOfNotice(site, warn)
		warnOfWall(site, c.Demo.Enabled, warn)
		warnOfSafari(site, c.Collector.PublicURL, warn)
	}
	return found
}

type warner func(key, remedy, format string, args ...any)

// warnOfCount tells where a count without consent is and is not what the owner asked for.
func warnOfCount(site *Site, warn warner) {
	known, unknown := consent.Exemptions()
	switch {
	case site.AnonymousCount && !site.Exemption.Asserted():
		warn("anonymous_count", "where the owner has an exemption, record it under exemption: basis, since, note",
			"visitors without an answer are counted only where no exemption is needed, which leaves out %s and %s",
			strings.Join(known, " "), strings.Join(unknown, " "))
	case !site.AnonymousCount && site.Exemption.Asserted():
		warn("exemption", "set anonymous_count: true, or leave the exemption out", "nothing is counted by it")
	case site.Exemption.Asserted():
		warn("exemption", "leave it out where the site has visitors of the others and no law of theirs allows it",
			"it is taken as true everywhere; an exemption is known for %s, and none for %s", strings.Join(known, " "), strings.Join(unknown, " "))
	}
}

// warnOfNotice tells what the site's notice leaves open.
func warnOfNotice(site *Site, warn warner) {
	c := site.Declared.Controller
	if c.Name == "" || c.Contact == "" || c.Country == "" {
		named := site.controller()
		warn("controller", "set controller.name, controller.contact and controller.country",
			"the notice names nobody to turn to: it says %q, %q and no country", named.Name, named.Contact)
	}
	if site.Declared.Policy == "" {
		warn("policy", "set it to the URL of the site's privacy policy", "the notice links to no privacy policy, which every place asks for")
	}
	unused := func(id string) bool {
		return !slices.ContainsFunc(site.Declared.Services, func(s declaredService) bool { return s.Recipient == id })
	}
	for _, r := range site.Declared.Recipients {
		if unused(r.ID) && r.ID != notice.Self {
			warn("recipients", "name it as a service's recipient, or leave it out", "no service is run by %q", r.ID)
		}
	}
	for _, text := range site.Declared.Texts {
		if len(site.Declared.Locales) > 0 && !slices.Contains(site.Declared.Locales, text.locale) {
			warn("texts", "add it to locales", "no notice is made in %s", text.locale)
			break
		}
	}
}

// warnOfSafari tells what Safari forgets where the collector is not at the site's own host: it keeps what a script has set
// for a week, and so what an answer from elsewhere has set.
func warnOfSafari(site *Site, public string, warn warner) {
	public = cmp.Or(site.PublicURL, public)
	for _, origin := range site.Origins {
		near := sameScope(origin, public)
		if near && slices.ContainsFunc(site.Origins, func(o string) bool { return hostOf(o) == hostOf(public) }) ||
			strings.HasPrefix(origin, "http://") {
			continue
		}
		where := "at " + public
		if public == "" {
			where = "not at the site's own origin"
		}
		warn("public_url", "let a proxy serve the collector at the site's own origin and name that here: deploy/proxy has the recipes",
			"on pages of %s Safari forgets %s after 7 days, since the collector is %s", origin,
			either(near, "the choice", "choice and visitor"), where)
		return
	}
}

// sameScope tells whether pages at two origins can share a cookie.
func sameScope(a, b string) bool { return b != "" && cookieScope(a) == cookieScope(b) }

func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return origin
	}
	return u.Hostname()
}
