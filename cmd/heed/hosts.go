package main

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"heed/consent"
	"heed/consent/classify"
	"heed/pipeline/clickhouse"
	"heed/schemas"
)

func hostsCommand() command {
	return command{
		name: "hosts", args: "[SITE]", summary: "Show what pages were kept from, why, and the line that allows it.",
		detail: "The pages report hosts and kinds of requests and nothing of their visitors; one page in a few does. It asks the " +
			"heed serve that runs on the same data folder, and opens the store itself when none runs. It also says what the wall of " +
			"this site does not hold back, and which of wall.hosts are served by somebody else.",
		example: "heed hosts shop",
		operand: true,
		own: func(f *flags) {
			f.set.Bool("json", false, "Print JSON.")
		},
		run: runHosts,
	}
}

// Why a host was held back, as JSON has it.
const (
	whyUndeclared = "not declared"
	whyRefused    = "declared, held back until it is allowed"
	whyRedirects  = "redirects elsewhere"
	whyListed     = "allowed; pages held it back whose tag is older than the configuration"
	whyMore       = "more hosts than are told apart on one day"
)

// hostReport is the answer of heed hosts.
type hostReport struct {
	Site     string      `json:"site"`
	Strength string      `json:"strength"`
	Days     int         `json:"days"`
	Held     []heldHost  `json:"held"`
	NotHeld  []string    `json:"not_held"`          // what walls of this strength do not hold back
	Leaving  []leaveHost `json:"leaving,omitempty"` // of wall.hosts
}

// heldHost is one host that pages were kept from.
type heldHost struct {
	Host     string   `json:"host"`
	Kinds    []string `json:"kinds"`
	Count    uint64   `json:"count"`
	First    string   `json:"first"` // day
	Last     string   `json:"last"`  // day
	Why      string   `json:"why"`
	Service  string   `json:"service,omitempty"` // that declares it
	Owner    string   `json:"owner,omitempty"`   // the company, where it is known
	Category string   `json:"category,omitempty"`
	Allow    string   `json:"allow,omitempty"` // the line that allows it
}

// leaveHost is a listed host that another company serves.
type leaveHost struct {
	Host string `json:"host"`
	To   string `json:"to,omitempty"`
}

func runHosts(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site, err := siteNamed(cfg, f, "hosts")
	if err != nil {
		return err
	}
	found, err := askStock(ctx, p, cfg, site.ID)
	if err != nil {
		return err
	}
	classifier, err := classify.New(classify.Config{})
	if err != nil {
		return err
	}
	report := hostReport{
		Site: site.ID, Strength: site.Wall.Strength, Days: stockDays, Held: heldHosts(site, found.Held, classifier),
		NotHeld: notHeldBy(&site.Wall), Leaving: leaving(ctx, site.Wall.Hosts, net.DefaultResolver),
	}
	if f.on("json") {
		return printJSON(p, report)
	}
	return report.print(p.stdout)
}

// heldHosts joins what was counted by host, what was held back most often first.
func heldHosts(site *Site, totals []clickhouse.InventoryTotal, classifier *classify.Classifier) []heldHost {
	var order []string
	byHost := map[string]*heldHost{}
	for _, t := range totals {
		h := byHost[t.Name]
		first, last := t.First.Format(time.DateOnly), t.Last.Format(time.DateOnly)
		if h == nil {
			h = &heldHost{Host: t.Name, First: first, Last: last}
			byHost[t.Name] = h
			order = append(order, t.Name)
		}
		if t.Kind != clickhouse.InventoryMore {
			h.Kinds = append(h.Kinds, t.Kind)
		}
		h.Count, h.First, h.Last = h.Count+t.Count, min(h.First, first), max(h.Last, last)
	}
	held := []heldHost{}
	for _, name := range order {
		h := byHost[name]
		slices.Sort(h.Kinds)
		h.explain(site, classifier)
		held = append(held, *h)
	}
	slices.SortStableFunc(held, func(a, b heldHost) int { return cmp.Compare(b.Count, a.Count) })
	return held
}

// explain says why a host was held back, whose it is, and what allows it.
func (h *heldHost) explain(site *Site, classifier *classify.Classifier) {
	switch h.Host {
	case "":
		h.Why = whyMore
		return
	case schemas.HeldSelf:
		h.Why = whyRedirects
		return
	}
	for _, s := range site.Declared.Services {
		if slices.ContainsFunc(s.Hosts, func(source string) bool { return coversHost(source, h.Host) && !isOtherPath(s, source) }) {
			h.Why, h.Service, h.Category = whyRefused, s.ID, s.Category
			return
		}
	}
	if slices.ContainsFunc(slices.Concat(ownHosts(site.Origins), site.Wall.Hosts), func(source string) bool { return coversHost(source, h.Host) }) {
		h.Why = whyListed
		return
	}
	h.Why, h.Category = whyUndeclared, consent.Advertising.String()
	v := classifier.Classify(classify.Cookie{Name: "?", Domain: strings.TrimPrefix(h.Host, "*."), FirstParty: firstHost(site)})
	if v.Reason == classify.ByHost {
		h.Owner, h.Category = v.Owner, v.Class.String()
	}
	h.Allow = allowLine(site, h)
}

// isOtherPath tells whether what is held back of a source's host is none of the source: what is essential is never held back.
func isOtherPath(s declaredService, source string) bool {
	u, err := url.Parse(source)
	return s.Category == consent.Essential.String() && err == nil && strings.Trim(u.Path, "/") != ""
}

// allowLine is the line of the configuration that allows a host: one more host of a service of the same domain and category,
// or else a service of its own.
func allowLine(site *Site, h *heldHost) string {
	domain := registrable(strings.TrimPrefix(h.Host, "*."))
	for _, s := range site.Declared.Services {
		if s.Category == h.Category && slices.ContainsFunc(s.Hosts, func(source string) bool { return registrable(strings.TrimPrefix(hostOf(source), "*.")) == domain }) {
			hosts := append(slices.Clone(s.Hosts), "https://"+h.Host)
			return "hosts: [" + strings.Join(hosts, ", ") + "] # of the service " + s.ID
		}
	}
	name, _, _ := strings.Cut(domain, ".")
	return "- {id: " + freeID(name, h.Category, idsOf(site)) + ", category: " + h.Category + ", purposes: [" + purposeOf(site, h.Category) + "], hosts: [https://" + h.Host + "]}"
}

// purposeOf is a purpose of a category that the site has declared, or a word that stands for one.
func purposeOf(site *Site, category string) string {
	for _, p := range site.Declared.Purposes {
		if p.Category == category {
			return p.ID
		}
	}
	return "WHAT-FOR"
}

// coversHost tells whether a host source of the configuration allows all that stands behind a host as the inventory has it.
func coversHost(source, host string) bool {
	domain, wide := strings.CutPrefix(hostOf(source), "*.")
	if !wide {
		return host == domain
	}
	return strings.HasSuffix(host, "."+domain) // *.a.example, too, where domain is a.example or example
}

func firstHost(site *Site) string {
	u, err := url.Parse(site.Origins[0])
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// registrable is the registrable domain of a host, or the host where it has none.
func registrable(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(host, "."))
	if err != nil {
		return host
	}
	return domain
}

// notHeldBy names what a wall lets through, whoever asks.
func notHeldBy(w *wallDeclared) (found []string) {
	strength := schemas.Wall(w.Strength)
	switch strength {
	case schemas.WallTag, schemas.WallSealed:
		found = []string{
			"workers and service workers by URL: their requests follow the policy of the worker's answer, which no tag can set",
			"frames of the same origin whose page has no tag",
			"Link: preload headers of the page's own answer, which browsers follow before they read the tag",
		}
		if strength == schemas.WallTag {
			found = append(found, "bare requests of the browser's preload scanner, which run nothing; Chromium and Firefox send third-party cookies with them")
		}
		found = append(found, "(strength header holds all of these back; heed tag --header prints it)")
	case schemas.WallHeader:
		found = []string{"bare requests to a category's other services, where a visitor has allowed some of them: the header goes by the " +
			"category, and what they fetch runs nowhere"}
	default:
		return []string{"everything: the wall is off"}
	}
	if len(w.Frames) > 0 {
		found = append(found, "frames of every host on pages below "+strings.Join(w.Frames, ", ")+": wall.frames says so")
	}
	return append(found, "connections that are only opened, by preconnect and dns-prefetch: no policy covers them",
		"cookies and keys that are written from a fresh frame of the page, until they are swept")
}

// lookup finds the name that a host's addresses stand under. *net.Resolver is one.
type lookup interface {
	LookupCNAME(ctx context.Context, host string) (string, error)
}

// lookupTimeout bounds all questions about a site's hosts.
const lookupTimeout = 5 * time.Second

// leaving finds listed hosts whose names lead to another domain: whoever serves that sets cookies as the owner. What cannot be
// looked up is not told.
func leaving(ctx context.Context, sources []string, dns lookup) (found []leaveHost) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for _, source := range sources {
		host := strings.TrimPrefix(hostOf(source), "*.")
		to, err := dns.LookupCNAME(ctx, host)
		to = strings.TrimSuffix(to, ".")
		if err == nil && to != "" && registrable(to) != registrable(host) {
			found = append(found, leaveHost{host, to})
		}
	}
	return found
}
