package collector

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"heed/collector/limit"
	"heed/consent"
	"heed/pipeline/enrich"
)

// visitorBytes is the length of a visitor's id, in the browser and as stored.
const visitorBytes = 16

// site is a Site made ready for requests. It never changes.
type site struct {
	Site
	asserts      consent.Site
	origins      map[string]*siteOrigin
	hosts        map[string]bool // host of each origin, as enrich.Page has it
	onlySecure   bool            // every origin is https
	assets       map[string]*Asset
	quota        *limit.Site // nil: it takes all
	cookie       []byte      // name of the visitor cookie
	choiceCookie []byte      // name of the cookie that the snippet keeps the choice in
	hashers      sync.Pool
	sealer       *consent.Sealer
	ledger       *ledger
}

// siteOrigin is one origin of a site, in our own copy of the text.
type siteOrigin struct {
	value  string
	secure bool   // https
	local  bool   // on this machine, where browsers trust plain http as they do https
	domain string // registrable domain; empty for an address, localhost or a public suffix
}

func newOrigin(value string) *siteOrigin {
	o := &siteOrigin{value: value, secure: strings.HasPrefix(value, "https://")}
	if page, err := enrich.ReadPage(value); err == nil {
		ip, notIP := netip.ParseAddr(page.Host)
		o.local = page.Host == "localhost" || strings.HasSuffix(page.Host, ".localhost") || ip.IsLoopback()
		if domain, err := publicsuffix.EffectiveTLDPlusOne(page.Host); err == nil && notIP != nil {
			o.domain = domain
		}
	}
	return o
}

// covers reports whether a host is in the origin's registrable domain. Port and letter case are of no interest.
func (o *siteOrigin) covers(host []byte) bool {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	rest := len(host) - len(o.domain)
	return o.domain != "" && rest >= 0 && bytes.EqualFold(host[rest:], bytesOf(o.domain)) && (rest == 0 || host[rest-1] == '.')
}

func newSite(cfg Site, l *ledger) *site {
	s := &site{
		Site:         cfg,
		asserts:      consent.Site{AnonymousCount: cfg.AnonymousCount, Exemption: cfg.Exemption},
		origins:      make(map[string]*siteOrigin, len(cfg.Origins)),
		hosts:        make(map[string]bool, len(cfg.Origins)),
		onlySecure:   true,
		assets:       make(map[string]*Asset, len(cfg.Assets)),
		cookie:       []byte("heed_v_" + cfg.Key),
		choiceCookie: []byte(choiceCookie + "_" + cfg.Key),
		sealer:       consent.NewSealer(cfg.SealKey, cfg.ID),
		ledger:       l,
	}
	s.hashers.New = func() any { return hmac.New(sha256.New, cfg.VisitorKey) }
	for _, origin := range cfg.Origins {
		s.origins[origin] = newOrigin(origin)
		if page, err := enrich.ReadPage(origin); err == nil { // Validate has seen that it can be read
			s.hosts[page.Host] = true
		}
		s.onlySecure = s.onlySecure && strings.HasPrefix(origin, "https://")
	}
	for _, asset := range cfg.Assets {
		s.assets[asset.Name] = &asset
	}
	return s
}

// hashVisitor returns what is stored of a visitor's id: HMAC-SHA-256 under the site's key, cut to 16 bytes. Without the
// key nobody can tell whose it was, and ids of two sites never meet. The result is appended to buf.
func (s *site) hashVisitor(buf []byte, id *[visitorBytes]byte) []byte {
	h := s.hashers.Get().(hash.Hash)
	defer s.hashers.Put(h)
	h.Reset()
	h.Write(id[:])
	return h.Sum(buf)[:visitorBytes:visitorBytes]
}
