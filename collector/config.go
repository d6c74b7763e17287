package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"heed/collector/limit"
	"heed/consent"
	"heed/pipeline/enrich"
	"heed/schemas"
)

// Config says what is collected, for whom and within which bounds.
type Config struct {
	// Prefix is the path under which everything is served, as in "/h"; no slash at its end. Empty serves at the root.
	Prefix string
	// Sites that are collected for. Keys and ids are unique.
	Sites []Site
	// TrustedProxies are the networks whose word on the client's address is believed. Without any, the peer is the client.
	TrustedProxies []netip.Prefix
	// ProxyHeader is the header in which they say it: X-Forwarded-For, also when empty, or Forwarded (RFC 7239). Only
	// the one that the proxy sets can be believed: the other would be the client's own word, passed on.
	ProxyHeader string
	// Rates bound how many events a site takes from whom; nil takes all. See package limit.
	Rates *limit.Config
	// Limits of the connection; a zero field takes its value from DefaultLimits.
	Limits Limits
	// Missing is asked for a file that a site's Assets do not have, as one that another collector of the install has
	// built, by the site's id and the file's name, which is well-formed. It is called by many goroutines at once and
	// returns within a second or so; nil means that there is none. What it returns must not change.
	Missing func(site, name string) *Asset
	// Receipts finds what visitors open as their receipt; nil serves none.
	Receipts ReceiptSource
	// Inventory counts what pages report of themselves; nil counts nothing.
	Inventory Inventory
	// Now is the clock that receipt is told by; nil means time.Now.
	Now func() time.Time
}

// Site is one website with its own visitors, keys and notice.
type Site struct {
	ID      string   // its name in the configuration and in every stored row
	Key     string   // its public name in URLs and in the visitor cookie's name
	Origins []string // where its pages are, as browsers write it: scheme://host[:port], default port left out

	// What the owner asserts; consent.Site explains it, and every consent record names it.
	AnonymousCount    bool
	Exemption         bool
	UnknownAfterGrant bool
	AssumePlace       consent.Place
	Children          bool

	Rate            float64 // events a second where Config.Rates is set; 0 for the rate there
	RetentionMonths int     // the retention class of its rows, 1 to 255

	VisitorKey []byte // turns visitor ids into what is stored, 32 bytes
	SealKey    []byte // seals choices, 32 bytes
	// OldSealKeys are those in use before, 32 bytes each. What they sealed still counts, and is sealed anew when it comes.
	OldSealKeys [][]byte
	Notice      string // consent.NoticeID of the notice in force
	// ChoiceCookie is the name of the cookie in which the site's script keeps the choice; "heed" when empty.
	ChoiceCookie string
	// ChoiceDomain is the registrable domain that the cookie is set on; empty for the page's own host alone.
	ChoiceDomain string
	// Notices are its layouts and languages; the first is in force where nothing was shown. A consent event that names
	// another is refused. Without any, no answer can be recorded, and nobody can grant more than their place's default.
	Notices []Notice

	// GPC says in gpc.json that the site honours Global Privacy Control: what is not allowed is held back. GPCSince is
	// the day from which what GPC says is so.
	GPC      bool
	GPCSince time.Time

	// Overlay is the script that shows the site's owner what the wall does on a page; nil: none. It is served as overlay.js
	// to who has an OverlayToken of OverlayKey, 32 bytes.
	Overlay    *Asset
	OverlayKey []byte

	Assets []Asset
	// Loaders are the site's short-lived script, one for each of consent.BrowserVariants; who asks gets that of their
	// place. None where the script is among the assets.
	Loaders []Loader
}

// Asset is a static file under <prefix>/<site key>/<name>. It never changes while the collector runs.
type Asset struct {
	Name         string // one path segment, as in heed.js
	ContentType  string
	CacheControl string
	ETag         string // quoted, as in "\"5f1c\""; empty sends none
	Plain        []byte
	Gzip         []byte // optional
	Brotli       []byte // optional
}

// Limits bound what one connection, and all of them together, can cost. The limits of a batch (bytes, events, depth)
// are part of the wire format and stand in package schemas.
type Limits struct {
	HeaderBytes   int           // request line and headers; beyond: headers_too_large
	ReadTimeout   time.Duration // from a request's first byte to its last; beyond: timeout
	WriteTimeout  time.Duration // for one answer to be taken, at least; twice of it at most
	IdleTimeout   time.Duration // between two requests of a connection
	AppendTimeout time.Duration // for the log to make a batch durable; beyond: unavailable
	Connections   int           // open at once, over all listeners. Beyond: the longest idle one ends, or 503
	BodyBytes     int64         // of requests over 8 KiB each that are read or handled, all together. Beyond: 503
}

// DefaultLimits returns the limits of a Config that names none.
func DefaultLimits() Limits {
	return Limits{
		HeaderBytes:   8 << 10,
		ReadTimeout:   10 * time.Second,
		WriteTimeout:  10 * time.Second,
		IdleTimeout:   60 * time.Second,
		AppendTimeout: 5 * time.Second,
		Connections:   16 << 10,
		BodyBytes:     64 << 20,
	}
}

// withDefaults returns l with its zero fields set.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.HeaderBytes == 0 {
		l.HeaderBytes = d.HeaderBytes
	}
	if l.Connections == 0 {
		l.Connections = d.Connections
	}
	if l.BodyBytes == 0 {
		l.BodyBytes = d.BodyBytes
	}
	for _, f := range []struct{ value, fallback *time.Duration }{
		{&l.ReadTimeout, &d.ReadTimeout},
		{&l.WriteTimeout, &d.WriteTimeout},
		{&l.IdleTimeout, &d.IdleTimeout},
		{&l.AppendTimeout, &d.AppendTimeout},
	} {
		if *f.value == 0 {
			*f.value = *f.fallback
		}
	}
	return l
}

var (
	prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)*$`)
	keyForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	noticeForm = regexp.MustCompile(`^[0-9a-f]{8}$`)
	cookieForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	domainForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	assetForm  = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9.]+$`)
)

// maxHeaderLines is how many header lines a request may have.
const maxHeaderLines = 100

// keyBytes is how long the secrets of a site are.
const keyBytes = 32

// Validate reports everything that is wrong with c, each with its name.
func (c Config) Validate() error {
	var errs []error
	if !prefixForm.MatchString(c.Prefix) {
		errs = append(errs, errors.New("prefix: want path segments of letters, digits, - and _, without a slash at the end"))
	}
	if c.ProxyHeader != "" && c.ProxyHeader != fasthttp.HeaderXForwardedFor && c.ProxyHeader != fasthttp.HeaderForwarded {
		errs = append(errs, errors.New("proxy header: want X-Forwarded-For or Forwarded"))
	}
	if c.Rates != nil {
		if err := c.Rates.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("rates: %w", err))
		}
	}
	errs = append(errs, c.Limits.withDefaults().validate()...)
	ids, keys := map[string]bool{}, map[string]bool{}
	for i, s := range c.Sites {
		for _, err := range s.validate() {
			errs = append(errs, fmt.Errorf("sites[%d]: %w", i, err))
		}
		if ids[s.ID] || keys[s.Key] {
			errs = append(errs, fmt.Errorf("sites[%d]: id and key must not be another site's", i))
		}
		ids[s.ID], keys[s.Key] = true, true
	}
	return errors.Join(errs...)
}

func (l Limits) validate() (errs []error) {
	if l.HeaderBytes < 1<<10 || l.HeaderBytes > 1<<20 {
		errs = append(errs, errors.New("limits: header bytes: want 1 KiB to 1 MiB"))
	}
	if l.Connections < 1 {
		errs = append(errs, errors.New("limits: connections: want at least 1"))
	}
	if l.BodyBytes < schemas.MaxBatchBytes {
		errs = append(errs, fmt.Errorf("limits: body bytes: want at least %d, one batch", schemas.MaxBatchBytes))
	}
	if min(l.ReadTimeout, l.WriteTimeout, l.IdleTimeout, l.AppendTimeout) <= 0 {
		errs = append(errs, errors.New("limits: timeouts: want more than 0"))
	}
	return errs
}

func (s Site) validate() (errs []error) {
	check := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New(problem))
		}
	}
	check(s.ID != "", "id: is empty")
	check(keyForm.MatchString(s.Key), "key: want 1 to 64 letters, digits, - and _")
	check(len(s.Origins) > 0, "origins: want at least one")
	for _, origin := range s.Origins {
		check(isOrigin(origin), fmt.Sprintf("origins: %q: want scheme://host[:port] as browsers send it, as in https://example.com", origin))
	}
	check(s.RetentionMonths >= 1 && s.RetentionMonths <= 255, "retention months: want 1 to 255")
	check(len(s.VisitorKey) == keyBytes, "visitor key: want 32 bytes")
	check(len(s.SealKey) == keyBytes, "seal key: want 32 bytes")
	for _, key := range s.OldSealKeys {
		check(len(key) == keyBytes, "old seal keys: want 32 bytes each")
	}
	check(s.Overlay == nil || len(s.OverlayKey) == keyBytes, "overlay key: want 32 bytes")
	check(noticeForm.MatchString(s.Notice), "notice: want 8 lower-case hex digits")
	for _, n := range s.Notices {
		if err := n.validate(s); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.validateLoaders(); err != nil {
		errs = append(errs, err)
	}
	check(s.ChoiceCookie == "" || cookieForm.MatchString(s.ChoiceCookie), "choice cookie: want 1 to 64 letters, digits, _, . and -")
	check(s.ChoiceDomain == "" || domainForm.MatchString(s.ChoiceDomain), "choice domain: want a domain, as example.com")
	seen := map[string]bool{pixelName: true, gpcName: true, overlayName: true}
	for _, l := range s.Loaders {
		seen[l.File.Name] = true
	}
	for _, a := range s.Assets {
		check(assetForm.MatchString(a.Name) && !seen[a.Name], fmt.Sprintf("assets: %q: want a unique file name", a.Name))
		check(a.ETag == "" || strings.HasSuffix(a.ETag, `"`), fmt.Sprintf("assets: %q: etag: want it quoted", a.Name))
		seen[a.Name] = true
	}
	return errs
}

// isOrigin reports whether text is an origin exactly as a browser serializes it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return false
	}
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		return false
	}
	if _, err := enrich.ReadPage(text); err != nil {
		return false
	}
	return text == strings.ToLower(u.Scheme+"://"+u.Host)
}
