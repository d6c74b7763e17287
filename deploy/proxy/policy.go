package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policies say which Content-Security-Policy a page carries for whom. heed tag SITE --header go prints them; print them anew
// whenever the configuration of the site changes.
type Policies struct {
	Cookie string // name of the cookie that holds the choice
	Notice string // id of the notice in force; an answer to another one only takes away
	// Laws are letters for the places where the same holds: by country or country-region, "" where none is known, "*" elsewhere.
	Laws map[string]string
	// Masks are tried in order; where none fits, nothing but the essential is allowed.
	Masks   []Mask
	Freeing string // letters of the laws by which a yes to advertising frees what nobody declared
	Base    string // hosts that are always allowed
	Hosts   []Hosts
	Frames  []string // beginnings of paths at which frames of every host may load
	Domain  string   // whose cookies the site's hosts share; empty: none
	Stores  []Store
}

// Store is a cookie that ends where its category was refused, which scripts cannot do for one that is HttpOnly.
type Store struct {
	Category uint8
	Name     string // a regular expression
}

// Mask is what may be allowed at most to whom Of fits, a regular expression of "law signals state digit": the letter, two
// digits for Sec-GPC and DNT, none, now, old or bad for the choice, with 1 behind where it is partial, and the first digit of its bits.
type Mask struct {
	Of   string
	Most uint8
}

// Hosts of one category, each with a space in front. Marked ones do no harm while nothing is decided.
type Hosts struct {
	Category        uint8 // 2 functional, 4 performance, 8 advertising
	Granted, Marked string
}

const advertising = 8

// open forbids nothing. A policy there must be: a browser that is told "not modified" keeps the one of before.
const open = "default-src * 'unsafe-inline' 'unsafe-eval' data: blob:"

// harmless are what a browser says that it fetches where no policy applies. What it does not say may be a page or a worker.
var harmless = regexp.MustCompile(`^(audio|audioworklet|font|image|json|manifest|paintworklet|report|script|style|text|track|video|xslt)$`)

// ahead is a Link that has a browser fetch something before any policy is there.
var ahead = regexp.MustCompile(`(?i)preload|preconnect|prefetch|prerender|stylesheet`)

// WithPolicy lets each page and worker carry the policy of its visitor, also where the answer is "not modified". place is that
// of WithPlace. It panics on policies that no heed tag has printed.
func WithPolicy(pages http.Handler, p Policies, place func(*http.Request) string) http.Handler {
	masks := make([]*regexp.Regexp, len(p.Masks))
	for i, mask := range p.Masks {
		masks[i] = regexp.MustCompile("^" + mask.Of + "$")
	}
	names := make([]*regexp.Regexp, len(p.Stores))
	for i, store := range p.Stores {
		names[i] = regexp.MustCompile("^" + store.Name + "$")
	}
	choice := regexp.MustCompile(`^1\.(1?)([0-9a-f])([13579bdf])\.(?:0|[1-9][0-9]{0,4})\.([0-9a-f]{8})(?:\.[0-9a-f]{32}\.[A-Za-z0-9_-]{22})?$`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if harmless.MatchString(r.Header.Get("Sec-Fetch-Dest")) {
			w.Header().Add("Vary", "Sec-Fetch-Dest") // a script may become a worker's, and then needs the policy
			pages.ServeHTTP(w, r)
			return
		}
		policy, refused := p.policy(r, masks, choice, p.law(place(r)))
		p.end(w, r, names, refused)
		pages.ServeHTTP(&guarded{ResponseWriter: w, policy: policy, byScript: r.Header.Get("Sec-Fetch-Dest") == "empty"}, r)
	})
}

// law finds the place, or its country.
func (p *Policies) law(place string) string {
	if !placeForm.MatchString(place) {
		return p.Laws[""]
	}
	for _, code := range []string{place, place[:2]} {
		if law, ok := p.Laws[code]; ok {
			return law
		}
	}
	return p.Laws["*"]
}

// end has the browser drop the cookies of what was refused.
func (p *Policies) end(w http.ResponseWriter, r *http.Request, names []*regexp.Regexp, refused uint8) {
	for _, cookie := range r.Cookies() {
		for i, name := range names {
			if p.Stores[i].Category&refused == 0 || !name.MatchString(cookie.Name) {
				continue
			}
			ended := http.Cookie{Name: cookie.Name, Path: "/", MaxAge: -1, Secure: true}
			http.SetCookie(w, &ended)
			if ended.Domain = p.Domain; p.Domain != "" {
				http.SetCookie(w, &ended)
			}
			break
		}
	}
}

// policy decides as the first script of the page does, save for the age of a choice, which ends with its cookie. It also
// returns the categories that the visitor has refused.
func (p *Policies) policy(r *http.Request, masks []*regexp.Regexp, form *regexp.Regexp, law string) (policy string, refused uint8) {
	if off, err := r.Cookie(p.Cookie + "_off"); err == nil { // the owner's emergency switch, for a day
		if until, err := strconv.ParseInt(off.Value, 10, 64); err == nil && time.Now().Unix() < until {
			return open, 0
		}
	}
	state, first, said := p.said(r, form)
	signals := signal(r, "Sec-GPC") + signal(r, "DNT")
	most := uint8(1)
	if i := slices.IndexFunc(masks, func(m *regexp.Regexp) bool {
		return m.MatchString(law + " " + signals + " " + state + " " + first)
	}); i >= 0 {
		most = p.Masks[i].Most
	}
	granted := said & most
	if granted&advertising != 0 && strings.Contains(p.Freeing, law) && !strings.HasSuffix(state, "1") {
		return open, 0
	}
	policy = "default-src " + p.Base
	for _, h := range p.Hosts {
		switch {
		case granted&h.Category != 0:
			policy += h.Granted
		case state == "none" && signals == "00":
			policy += h.Marked
		}
	}
	if slices.ContainsFunc(p.Frames, func(path string) bool { return strings.HasPrefix(r.URL.EscapedPath(), path) }) {
		policy += ";frame-src *"
	}
	if strings.HasPrefix(state, "now") {
		refused = ^granted
	}
	return policy, refused
}

// said reads the choice: its state, the first digit of its bits, and what it allows.
func (p *Policies) said(r *http.Request, form *regexp.Regexp) (state, first string, allowed uint8) {
	cookie, err := r.Cookie(p.Cookie)
	if err != nil {
		return "none", "0", 15
	}
	part := form.FindStringSubmatch(cookie.Value)
	if part == nil {
		return "bad", "0", 1
	}
	state = "old"
	if part[4] == p.Notice {
		state = "now"
	}
	bits, err := strconv.ParseUint(part[3], 16, 8)
	if err != nil {
		panic(fmt.Sprintf("a digit that is none: %q", part[3])) // form takes no other
	}
	return state + part[1], part[2], uint8(bits)
}

func signal(r *http.Request, name string) string {
	if r.Header.Get(name) == "1" {
		return "1"
	}
	return "0"
}

// guarded puts a policy into the head of an answer.
type guarded struct {
	http.ResponseWriter
	policy   string
	byScript bool // a script fetches it: data, or a page that it will show
	begun    bool
}

// Unwrap is for http.ResponseController.
func (g *guarded) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// Flush is for handlers that ask for an http.Flusher, FlushError for http.ResponseController. What is flushed first is a head,
// with its policy.
func (g *guarded) Flush() { _ = g.FlushError() }

func (g *guarded) FlushError() error {
	if !g.begun {
		g.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// Hijack is for handlers that ask for an http.Hijacker: what goes on as no HTTP needs no policy.
func (g *guarded) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(g.ResponseWriter).Hijack()
}

func (g *guarded) Write(body []byte) (int, error) {
	if !g.begun {
		if g.Header().Get("Content-Type") == "" {
			g.Header().Set("Content-Type", http.DetectContentType(body))
		}
		g.WriteHeader(http.StatusOK)
	}
	return g.ResponseWriter.Write(body)
}

func (g *guarded) WriteHeader(status int) {
	if status == http.StatusEarlyHints {
		return // it would have the browser fetch ahead of the policy
	}
	if status >= http.StatusOK && !g.begun {
		g.begun = true
		g.guard(g.Header())
	}
	g.ResponseWriter.WriteHeader(status)
}

func (g *guarded) guard(header http.Header) {
	if kind := header.Get("Content-Type"); g.byScript && kind != "" && !strings.HasPrefix(kind, "text/html") && !strings.HasPrefix(kind, "application/xhtml") {
		header.Add("Vary", "Sec-Fetch-Dest")
		return
	}
	header.Add("Content-Security-Policy", g.policy)
	header.Add("Vary", "Cookie, Sec-Fetch-Dest")
	kept := "private, no-cache" // a browser has to ask each time, and takes the policy also of a 304
	if strings.Contains(strings.ToLower(header.Get("Cache-Control")), "no-store") {
		kept = "private, no-store"
	}
	header.Set("Cache-Control", kept)
	header["Link"] = slices.DeleteFunc(header.Values("Link"), ahead.MatchString)
}
