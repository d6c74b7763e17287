package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"heed/consent"
	"heed/schemas"
)

// The phases of a crawl, each with a browser that has never seen the site.
const (
	phaseBefore  = "before a choice"
	phaseRefused = "after a refusal"
	phaseGranted = "after a yes"
)

// crawlLinks are the links of a page, as its own script would see them.
const crawlLinks = `[...document.links].map((link) => link.href)`

// crawl is a visit of a site's pages in a local browser.
type crawl struct {
	site   *Site
	start  string
	pages  int // of each phase, at most
	chrome chromeConfig
	cookie string // name of the choice cookie
	notice string // id of the notice in force
	now    func() time.Time
	stderr io.Writer // is told what the crawl does, and what it could not see
}

// stored is one thing that a page has left in the browser, as one phase has found it.
type stored struct {
	Place  schemas.NamePlace
	Cookie chromeCookie  // Name alone for what is no cookie
	Domain string        // host that it belongs to
	Page   string        // host of the page that it was found on
	Life   time.Duration // of a cookie, when it was seen; classify.Session where it ends with the session
}

// run visits the pages before a choice, after a refusal and after a yes. What it returns is what each phase has left.
func (c crawl) run(ctx context.Context) (found map[string][]stored, visited []string, err error) {
	today := consent.DayOf(c.now())
	choices := []struct {
		phase   string
		granted consent.Categories
	}{{phaseBefore, 0}, {phaseRefused, consent.Essential}, {phaseGranted, consent.All}}
	found = map[string][]stored{}
	for _, choice := range choices {
		var jar []chromeCookie
		if choice.granted != 0 {
			text := consent.Choice{Granted: choice.granted, Day: today, Notice: c.notice}.String()
			jar = []chromeCookie{{Name: c.cookie, Value: text, Domain: c.scope(), SameSite: "Lax", Expires: c.now().Add(choiceLife)}}
		}
		left, pages, err := c.phase(ctx, choice.phase, jar)
		if err != nil {
			return nil, nil, fmt.Errorf("crawl %s: %w", choice.phase, err)
		}
		found[choice.phase], visited = left, pages
	}
	return found, visited, nil
}

// choiceLife is for how long the choice is kept that a crawl brings with it: longer than the crawl takes.
const choiceLife = 180 * day

// scope is the domain of the choice cookie, as the snippet sets it; empty for the host of the page alone.
func (c crawl) scope() string {
	domain := cookieDomain(*c.site)
	if host := hostOf(c.start); host == domain || strings.HasSuffix(host, "."+domain) {
		return "." + domain
	}
	return ""
}

// phase visits the pages with one browser.
func (c crawl) phase(ctx context.Context, phase string, jar []chromeCookie) (left []stored, visited []string, err error) {
	browser, err := openChrome(ctx, c.chrome)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, browser.close()) }()
	seen := map[string]stored{}
	queue := []string{c.start}
	for len(queue) > 0 && len(visited) < c.pages {
		address := queue[0]
		queue = queue[1:]
		fmt.Fprintf(c.stderr, "heed: %s: %s\n", phase, quoted(address))
		p, err := browser.visit(ctx, chromeVisit{url: address, cookies: jar, setters: true, ask: []string{crawlLinks}})
		if err == nil {
			err = c.check(address, p)
		}
		if err != nil && (len(visited) == 0 || ctx.Err() != nil || browser.ctx.Err() != nil) { // the first page must be one
			return nil, nil, err
		}
		if err != nil {
			fmt.Fprintf(c.stderr, "heed: left out: %s\n", quoted(err.Error()))
			continue
		}
		if p.Cut {
			fmt.Fprintln(c.stderr, "heed: it did not come to rest; what it sets later was not seen")
		}
		visited, jar = append(visited, address), nil // the jar has it now
		c.collect(p, seen)
		queue = append(queue, c.links(p, append(visited, queue...))...)
	}
	for _, key := range sortedKeys(seen) {
		left = append(left, seen[key])
	}
	return left, visited, nil
}

// check wants a page of the site, and no error in its place.
func (c crawl) check(address string, p *chromePage) error {
	switch {
	case p.Status >= 400:
		return fmt.Errorf("%s answers with status %d; a crawl begins at a page that visitors see", p.URL, p.Status)
	case !c.isHome(hostOf(p.URL)):
		return fmt.Errorf("%s leads to %s, which is no page of the site; a crawl begins at one of its own", address, p.URL)
	}
	return nil
}

// isHome tells whether a host is of the site.
func (c crawl) isHome(host string) bool {
	return registrable(host) == registrable(hostOf(c.start)) || isOrigin(c.site, host)
}

// collect adds what a page has left. What an earlier page has set keeps its setter.
func (c crawl) collect(p *chromePage, seen map[string]stored) {
	for _, cookie := range p.Cookies {
		s := stored{
			Place: schemas.PlaceCookie, Cookie: cookie, Domain: strings.TrimPrefix(cookie.Domain, "."), Page: hostOf(p.URL),
			Life: lifeOf(cookie, c.now()),
		}
		key := string(s.Place) + " " + s.Domain + " " + cookie.Path + " " + cookie.Name
		if before, found := seen[key]; found && cookie.Setter == "" {
			s.Cookie.Setter, s.Life = before.Cookie.Setter, before.Life
		}
		seen[key] = s
	}
	for _, k := range p.Stored {
		s := stored{Place: k.Place, Cookie: chromeCookie{Name: k.Name}, Domain: hostOf(k.Origin), Page: hostOf(p.URL)}
		seen[string(s.Place)+" "+s.Domain+" "+k.Name] = s
	}
}

// links are those of a page's links that are pages of the same site and not known yet.
func (c crawl) links(p *chromePage, known []string) (next []string) {
	var all []string
	if len(p.Answers) == 0 || json.Unmarshal(p.Answers[0], &all) != nil {
		return nil
	}
	for _, link := range all {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || registrable(u.Hostname()) != registrable(hostOf(c.start)) || !isPage(u) {
			continue
		}
		u.Fragment = ""
		if link = u.String(); !slices.Contains(known, link) && !slices.Contains(next, link) {
			next = append(next, link)
		}
		if len(next) >= c.pages {
			break
		}
	}
	return next
}

// isPage leaves out what is fetched and not shown, and what ends a session.
func isPage(u *url.URL) bool {
	lower := strings.ToLower(u.Path)
	ext := path.Ext(lower)
	known := ext == "" || ext == ".html" || ext == ".htm" || ext == ".php" || ext == ".aspx" || ext == ".jsp"
	return known && !strings.Contains(lower, "logout") && !strings.Contains(lower, "signout")
}
