package collector

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/publicsuffix"

	"heed/collector/limit"
	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/enrich"
)

// visitorBytes is the length of a visitor's id, in the browser and as stored.
const visitorBytes = 16

// site is a Site made ready for requests. It never changes, but for off.
type site struct {
	Site
	asserts      consent.Site
	assertions   []record.Assertion // the same, for records
	notices      map[record.Hash]*Notice
	origins      map[string]*siteOrigin
	hosts        map[string]bool // host of each origin, as enrich.Page has it
	onlySecure   bool            // every origin is https
	assets       map[string]*Asset
	loaders      map[consent.BrowserVariant]*Asset
	off          atomic.Pointer[switchedOff] // nil: the wall is as it is configured
	quota        *limit.Site                 // nil: it takes all
	cookie       []byte                      // name of the visitor cookie
	choiceCookie string                      // name of the cookie that the script keeps the choice in
	keyedCookie  []byte                      // its name where two sites share a domain
	hashers      sync.Pool
	sealer       *consent.Sealer
	oldSealers   []*consent.Sealer
	ledger       *ledger
}

// siteOrigin is one origin of a site, in our own copy of the text.
type siteOrigin struct {
	value  string
	host   string // of value, without port
	secure bool   // https
	local  bool   // on this machine, where browsers trust plain http as they do https
	domain string // registrable domain; empty for an address, localhost or a public suffix
}

func newOrigin(value string) *siteOrigin {
	o := &siteOrigin{value: value, secure: strings.HasPrefix(value, "https://")}
	if page, err := enrich.ReadPage(value); err == nil {
		o.host = page.Host
		ip, notIP := netip.ParseAddr(page.Host)
		o.local = page.Host == "localhost" || strings.HasSuffix(page.Host, ".localhost") || ip.IsLoopback()
		if domain, err := publicsuffix.EffectiveTLDPlusOne(page.Host); err == nil && notIP != nil {
			o.domain = domain
		}
	}
	return o
}

// covers reports whether a host is in the origin's registrable domain.
func (o *siteOrigin) covers(host []byte) bool { return isWithin(host, o.domain) }

// isHost reports whether a host is the origin's own.
func (o *siteOrigin) isHost(host []byte) bool {
	return bytes.EqualFold(withoutPort(host), bytesOf(o.host))
}

// isWithin reports whether a host is a domain or below it; nothing is within no domain. Port and letter case are of no
// interest.
func isWithin(host []byte, domain string) bool {
	host = withoutPort(host)
	rest := len(host) - len(domain)
	return domain != "" && rest >= 0 && bytes.EqualFold(host[rest:], bytesOf(domain)) && (rest == 0 || host[rest-1] == '.')
}

func withoutPort(host []byte) []byte {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

func newSite(cfg Site, l *ledger) *site {
	s := &site{
		Site:         cfg,
		asserts:      cfg.asserts(),
		notices:      make(map[record.Hash]*Notice, len(cfg.Notices)),
		origins:      make(map[string]*siteOrigin, len(cfg.Origins)),
		hosts:        make(map[string]bool, len(cfg.Origins)),
		onlySecure:   true,
		assets:       make(map[string]*Asset, len(cfg.Assets)),
		loaders:      loadersByVariant(cfg.Loaders),
		cookie:       []byte("heed_v_" + cfg.Key),
		choiceCookie: cmp.Or(cfg.ChoiceCookie, choiceCookie),
		keyedCookie:  []byte(choiceCookie + "_" + cfg.Key),
		sealer:       consent.NewSealer(cfg.SealKey, cfg.ID),
		ledger:       l,
	}
	s.hashers.New = func() any { return hmac.New(sha256.New, cfg.VisitorKey) }
	s.assertions = assertionsOf(s.asserts)
	for i := range s.Notices {
		s.notices[s.Notices[i].Ref.Shown] = &s.Notices[i]
	}
	for _, key := range cfg.OldSealKeys {
		s.oldSealers = append(s.oldSealers, consent.NewSealer(key, cfg.ID))
	}
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

// asserts is what the site's owner asserts.
func (s Site) asserts() consent.Site {
	return consent.Site{
		AnonymousCount: s.AnonymousCount, Exemption: s.Exemption, UnknownAfterGrant: s.UnknownAfterGrant,
		AssumePlace: s.AssumePlace, Children: s.Children,
	}
}

// assertionsOf names what a site asserts, in the order that records want.
func assertionsOf(s consent.Site) (list []record.Assertion) {
	for _, a := range []struct {
		asserted bool
		name     record.Assertion
	}{
		{s.AnonymousCount, record.AssertsAnonymousCount},
		{s.AssumePlace.Country != "", record.AssertsPlace},
		{s.Children, record.AssertsChildren},
		{s.Exemption, record.AssertsExemption},
		{s.UnknownAfterGrant, record.AssertsUnknown},
	} {
		if a.asserted {
			list = append(list, a.name)
		}
	}
	return list
}

// verify reports whether a choice carries this site's seal, and whether that is one of an old key.
func (s *site) verify(c consent.Choice) (proven, old bool) {
	if s.sealer.Verify(c) {
		return true, false
	}
	for _, sealer := range s.oldSealers {
		if sealer.Verify(c) {
			return true, true
		}
	}
	return false, false
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
