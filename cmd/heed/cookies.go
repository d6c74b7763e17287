package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heed/consent/classify"
)

func cookiesCommand() command {
	return command{
		name: "cookies", args: "[SITE] [--crawl URL] [--declare DIR]",
		summary: "Show which cookies and storage keys a site really sets, and declare them.",
		detail: "It joins what pages report of visitors who allow measuring with what a local Chromium finds: --crawl opens pages of " +
			"the site before a choice, after a refusal and after a yes, each in a browser of its own. Each name has its class with a " +
			"reason, what declares it, and how long it lives; what was set before a choice, lives longer than declared or is not declared " +
			"is said, with the lines that declare it. --declare writes the declaration that a policy page embeds, in each language.",
		example: "heed cookies shop --crawl https://shop.example.com/",
		operand: true,
		own: func(f *flags) {
			f.set.String("crawl", "", "The `URL` of a page of the site, where a crawl begins.")
			f.set.String("pages", "5", "How `many` pages it visits in each phase, 1 to 50.")
			f.set.String("browser", "", "The `program` of a Chromium, Chrome or Edge; one is looked for when left out.")
			f.set.String("rules", "", "Where host names lead, as Chromium's --host-resolver-`rules`: a site that is not in the DNS yet.")
			f.set.String("declare", "", "Write the cookie declaration into this `folder`.")
			f.set.String("expect", "", "A CSV `file` with the columns name and class: print how many of those names are classified right.")
			f.set.Bool("json", false, "Print JSON.")
		},
		run: runCookies,
	}
}

// cookieReport is the answer of heed cookies.
type cookieReport struct {
	Site    string     `json:"site"`
	Days    int        `json:"days"` // of reports
	Crawled []string   `json:"crawled,omitempty"`
	Names   []seenName `json:"names"`
	Declare []string   `json:"declare,omitempty"` // lines for services: of the site
}

func runCookies(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site, err := siteNamed(cfg, f, "cookies")
	if err != nil {
		return err
	}
	if dir := f.text("declare"); dir != "" {
		return declareCookies(p, site, dir)
	}
	report, err := findCookies(ctx, p, f, cfg, site)
	if err != nil {
		return err
	}
	if file := f.text("expect"); file != "" {
		return report.score(p.stdout, file)
	}
	if f.on("json") {
		return printJSON(p, report)
	}
	return report.print(p.stdout)
}

// findCookies asks the inventory, and crawls where that was asked for. A crawl alone needs no data of visitors.
func findCookies(ctx context.Context, p *program, f *flags, cfg *Config, site *Site) (report cookieReport, err error) {
	report = cookieReport{Site: site.ID, Days: stockDays}
	found := stock{}
	var crawled map[string][]stored
	if start := f.text("crawl"); start != "" {
		c, err := newCrawl(p, f, cfg, site, start)
		if err != nil {
			return report, err
		}
		if crawled, report.Crawled, err = c.run(ctx); err != nil {
			return report, err
		}
	}
	if found, err = askStock(ctx, p, cfg, site.ID); err != nil && crawled == nil {
		return report, err
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		return report, err
	}
	report.Names = seenNames(site, found.Names, crawled, classifier)
	report.Declare = declareLines(site, report.Names)
	return report, nil
}

// newCrawl reads what a crawl is asked to do.
func newCrawl(p *program, f *flags, cfg *Config, site *Site, start string) (crawl, error) {
	u, err := url.Parse(start)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return crawl{}, &usageError{fmt.Sprintf("--crawl: %q is no URL of a page; write it as https://www.example.com/", start)}
	}
	pages, err := strconv.Atoi(f.text("pages"))
	if err != nil || pages < 1 || pages > 50 {
		return crawl{}, &usageError{fmt.Sprintf("--pages: %q: want 1 to 50", f.text("pages"))}
	}
	notices, err := site.notices()
	if err != nil {
		return crawl{}, err
	}
	i := slices.IndexFunc(cfg.Sites, func(s Site) bool { return s.ID == site.ID })
	return crawl{
		start: start, pages: pages, cookie: cookieNames(cfg.Sites)[i], notice: notices[0].Ref.ID, now: p.now,
		chrome: chromeConfig{path: f.text("browser"), rules: f.text("rules")},
	}, nil
}

// declareLines are the lines that declare what is not declared: a service for each company and class.
func declareLines(site *Site, names []seenName) (lines []string) {
	type group struct{ owner, class string }
	stores, days := map[group][]string{}, map[group]int{}
	var order []group
	for _, n := range names {
		if n.Service != "" {
			continue
		}
		owner := n.Owner
		if owner == "" && n.Domain != "" && registrable(n.Domain) != registrable(firstHost(site)) {
			owner = registrable(n.Domain)
		}
		g := group{owner, n.Class}
		if stores[g] == nil {
			order = append(order, g)
		}
		if pattern := n.pattern(); !slices.Contains(stores[g], pattern) {
			stores[g] = append(stores[g], pattern)
		}
		days[g] = max(days[g], int((max(n.life, 0)+day-1)/day))
	}
	for _, g := range order {
		id := slug(g.owner)
		if id == "" {
			id = "own-" + g.class
		}
		lines = append(lines, fmt.Sprintf("- {id: %s, category: %s, purposes: [%s], lifetime_days: %d, stores: [%s]}",
			id, g.class, purposeOf(site, g.class), days[g], strings.Join(stores[g], ", ")))
	}
	return lines
}

// pattern is what a declaration says of a name: that of the fact that fits it, or the name without what changes.
func (n *seenName) pattern() string {
	name := n.fact
	if name == "" {
		name = strings.ReplaceAll(n.Name, "#", "*")
	}
	if name = strings.ReplaceAll(name, "?", "*"); checkStoreName(name) != nil || strings.ContainsAny(name, ",:{}[]&*!|>'%@`\"") {
		return strconv.Quote(name) // YAML reads it as one text
	}
	return name
}

// slug is a name as ids are written.
func slug(text string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String()[:min(b.Len(), 40)], "-")
}
