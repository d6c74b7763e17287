package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"heed/consent/classify"
	"heed/schemas"
)

func cookiesCommand() command {
	return command{
		name: "cookies", args: "[SITE] [--crawl URL] [--declare DIR]",
		summary: "Show which cookies and storage keys a site really sets, and declare them.",
		detail: "It joins what pages report of visitors who allow measuring with what a local Chromium finds: --crawl opens pages of " +
			"the site before a choice, after a refusal and after a yes, each in a browser of its own. Each name has its class with a " +
			"reason, what declares it, and how long it lives; what was set before a choice, lives longer than declared or is not declared " +
			"is said, with the lines that declare it: HOW-LONG and WHAT-FOR stand for what only you know. --declare writes the " +
			"declaration of what is configured, for a policy page to embed, in each language; with --crawl after the report.",
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
	dir := f.text("declare")
	if dir != "" && (f.text("expect") != "" || f.on("json")) {
		return &usageError{"--declare writes files; ask for --json or --expect in another call"}
	}
	if dir == "" || f.text("crawl") != "" {
		ctx, stop := interruptible(ctx, p.stderr, profileLeft)
		defer stop()
		if err := showCookies(ctx, p, f, cfg, site); err != nil || dir == "" {
			return err
		}
	}
	return declareCookies(p, site, cfg.cookieName(site), dir)
}

func showCookies(ctx context.Context, p *program, f *flags, cfg *Config, site *Site) error {
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
	if found, err = askStock(ctx, p, cfg, site.ID); err != nil && (crawled == nil || ctx.Err() != nil) {
		return report, err
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "heed: this is what the crawl has found alone; what pages report could not be read: %v\n", err)
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
	return crawl{
		site: site, stderr: p.stderr, start: start, pages: pages, cookie: cfg.cookieName(site), notice: notices[0].Ref.ID, now: p.now,
		chrome: chromeConfig{path: f.text("browser"), rules: f.text("rules")},
	}, nil
}

// declareLines are the lines that declare what is not declared: a service for each company and class.
func declareLines(site *Site, names []seenName) (lines []string) {
	type group struct{ owner, class string }
	members := map[group][]*seenName{}
	var order []group
	for i := range names {
		n := &names[i]
		if n.Service != "" {
			continue
		}
		if n.pattern() == "" {
			lines = append(lines, fmt.Sprintf("# %q cannot be declared: its name has too little that a declaration can hold", n.Name))
			continue
		}
		g := group{n.Owner, n.Class}
		if g.owner == "" && !n.isOwn(site) {
			g.owner = registrable(n.Domain)
		}
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], n)
	}
	taken := idsOf(site)
	for _, g := range order {
		var stores []string
		for _, n := range members[g] {
			if name := yamlText(n.pattern()); !slices.Contains(stores, name) {
				stores = append(stores, name)
			}
		}
		lines = append(lines, fmt.Sprintf("- {id: %s, category: %s, purposes: [%s], lifetime_days: %s, stores: [%s]}",
			freeID(cmp.Or(slug(g.owner), "own-"+g.class), g.class, taken), g.class, purposeOf(site, g.class), lifetimeOf(members[g]), strings.Join(stores, ", ")))
	}
	return lines
}

// freeID takes an id: as it is, with the class behind it, or with a number as well.
func freeID(id, class string, taken map[string]bool) string {
	free := id
	for i := 1; taken[free]; i++ {
		free = id + "-" + class
		if i > 1 {
			free += "-" + strconv.Itoa(i)
		}
	}
	taken[free] = true
	return free
}

// idsOf are the ids that a further service of a site cannot have.
func idsOf(site *Site) map[string]bool {
	taken := map[string]bool{}
	for _, id := range takenIDs() {
		taken[id] = true
	}
	for _, s := range site.Declared.Services {
		taken[s.ID] = true
	}
	for _, p := range site.Declared.Purposes {
		taken[p.ID] = true
	}
	for _, r := range site.Declared.Recipients {
		taken[r.ID] = true
	}
	return taken
}

// lifetimeOf is how many days names are kept, 0 for the session; HOW-LONG where nobody has seen that: what is no cookie stays
// until it is removed, and pages cannot see how long cookies live.
func lifetimeOf(names []*seenName) string {
	longest := classify.Session
	for _, n := range names {
		if n.stays() {
			return "HOW-LONG"
		}
		if n.life != 0 {
			longest = max(longest, n.life)
		}
	}
	unknown := slices.ContainsFunc(names, func(n *seenName) bool { return n.life == 0 && n.Place != string(schemas.PlaceSession) })
	if longest <= 0 && unknown {
		return "HOW-LONG"
	}
	return strconv.Itoa(int((max(longest, 0) + day - 1) / day))
}

var (
	storeRefused = regexp.MustCompile(`[^` + storeBytes + `]+`) // what a declared name cannot hold
	plainYAML    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]+$`)
)

// pattern is what a declaration says of a name: that of the fact that fits it, or the name without what changes or cannot be
// written. It is empty where too little would be left of it.
func (n *seenName) pattern() string {
	name := n.fact
	if name == "" {
		name = strings.ReplaceAll(n.Name, "#", "*")
	}
	name = storeRefused.ReplaceAllString(strings.ReplaceAll(name, "?", "*"), "*")
	if len(name) > maxStoreBytes {
		name = name[:maxStoreBytes-1] + "*"
	}
	if name != n.Name && n.fact == "" && !classify.Distinctive(name) {
		return ""
	}
	return name
}

// yamlText writes a name so that YAML reads it as one text.
func yamlText(name string) string {
	if plainYAML.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
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
