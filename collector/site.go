package collector

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"

	"heed/consent"
	"heed/pipeline/enrich"
)

// visitorBytes is the length of a visitor's id, in the browser and as stored.
const visitorBytes = 16

// site is a Site made ready for requests. It never changes.
type site struct {
	Site
	asserts    consent.Site
	origins    map[string]string // each origin by itself: a look-up returns our copy of the text
	hosts      map[string]bool   // host of each origin, as enrich.Page has it
	onlySecure bool              // every origin is https
	assets     map[string]*Asset
	cookie     []byte // name of the visitor cookie
	hashers    sync.Pool
	sealer     *consent.Sealer
	ledger     *ledger
}

func newSite(cfg Site, l *ledger) *site {
	s := &site{
		Site:       cfg,
		asserts:    consent.Site{AnonymousCount: cfg.AnonymousCount, Exemption: cfg.Exemption},
		origins:    make(map[string]string, len(cfg.Origins)),
		hosts:      make(map[string]bool, len(cfg.Origins)),
		onlySecure: true,
		assets:     make(map[string]*Asset, len(cfg.Assets)),
		cookie:     []byte("heed_v_" + cfg.Key),
		sealer:     consent.NewSealer(cfg.SealKey, cfg.ID),
		ledger:     l,
	}
	s.hashers.New = func() any { return hmac.New(sha256.New, cfg.VisitorKey) }
	for _, origin := range cfg.Origins {
		s.origins[origin] = origin
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
