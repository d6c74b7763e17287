package snippet

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heed/consent"
)

// maxEndpointBytes bounds what a site's own address adds to each page load.
const maxEndpointBytes = 200

// Site is what the build fixes for one site.
type Site struct {
	ID  string // the site's id in the configuration; only for messages
	Key string // the public key: letters, digits, _ and -; names what the browser stores
	// Endpoint is the address up to and including the site's key, without a slash at its end: absolute (http, https) or,
	// behind a proxy on the site's own origin, a path from the root. At most 200 bytes.
	Endpoint string
	Notice   string // id of the notice in force: 8 lower-case hex digits
	// CookieName of the choice; "heed" when empty.
	CookieName string
	// CookieDomain is the registrable domain that shares the choice; empty keeps it on the page's own host.
	CookieDomain string
	Asserts      consent.Site // what the owner asserts; with AssumePlace it decides which rules hold where no place is known
	// Notices that are in force, in each layout in the owner's order of preference: the locale of the first serves whoever speaks none of
	// them. Without any the script asks nothing, and the page makes choices by heed('consent', …).
	Notices     []Notice
	RecordShown bool // make a consent record, too, of each time a notice is put on the screen
	Button      bool // a button that opens the choice again stands on every page, not only where the law wants it
	Features    Features
	Wall        Wall
	// OffUntil is until when the owner has switched the wall off, in an emergency: in seconds since the Unix epoch, 0 while it is
	// on. Nothing but the loaders depends on it.
	OffUntil int64
}

// Notice names one notice as it is archived. Its bytes are to be served under the endpoint as Name, for ever, with
// Access-Control-Allow-Origin: *, since the browser verifies them across origins.
type Notice struct {
	Layout string // opt_in, opt_out or notice: the values of consent.Prompt
	Locale string // BCP 47, as de or pt-BR
	Shown  string // shown_hash of the archived notice: 64 lower-case hex digits
}

// Name of the notice under the endpoint.
func (n Notice) Name() string { return n.Shown[:noticeNameDigits] + ".json" }

// noticeNameDigits of shown_hash name a notice: 128 bits.
const noticeNameDigits = 32

// layouts are the kinds of notices that there are, each with a consent script of its own.
var layouts = []consent.Prompt{consent.NoticePrompt, consent.OptOutPrompt, consent.OptInPrompt}

// Features are the parts that a bundle has beside page views, custom events and the choice. The zero value has none.
type Features struct {
	Routes     bool // views for route changes of a single-page application
	HashRoutes bool // routes are in the fragment (#/…); needs Routes
	Engagement bool // engaged time per view
	Forms      bool // form submissions, never their values
}

// DefaultFeatures returns what a site has whose owner chose nothing: all but hash routes.
func DefaultFeatures() Features {
	return Features{Routes: true, Engagement: true, Forms: true}
}

var (
	keyForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	noticeForm = regexp.MustCompile(`^[0-9a-f]{8}$`)
	cookieForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	domainForm = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	localeForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	shownForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Validate reports all that is wrong with s.
func (s Site) Validate() error {
	var errs []error
	check := func(ok bool, field, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("site %q: %s: want %s", s.ID, field, want))
		}
	}
	check(keyForm.MatchString(s.Key), "key", "1 to 64 letters, digits, _ or -")
	check(validEndpoint(s.Endpoint), "endpoint", "an http(s) address or a path from the root, at most 200 bytes, "+
		"without query, fragment or a slash at its end")
	check(noticeForm.MatchString(s.Notice), "notice", "8 lower-case hex digits")
	check(s.CookieName == "" || cookieForm.MatchString(s.CookieName), "cookie name", "1 to 64 letters, digits, _, . or -")
	check(s.CookieDomain == "" || domainForm.MatchString(s.CookieDomain), "cookie domain", "a domain such as example.com")
	check(s.Features.Routes || !s.Features.HashRoutes, "hash routes", "routes to be on as well")
	for _, n := range s.Notices {
		ok := slices.Contains(layouts, consent.Prompt(n.Layout)) && localeForm.MatchString(n.Locale) && shownForm.MatchString(n.Shown)
		check(ok, "notices", "a layout, a locale and a hash of 64 lower-case hex digits each")
	}
	if err := s.Wall.check(); err != nil {
		errs = append(errs, fmt.Errorf("site %q: %w", s.ID, err))
	}
	return errors.Join(errs...)
}

func validEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || len(endpoint) > maxEndpointBytes || strings.HasSuffix(endpoint, "/") {
		return false
	}
	if u.User != nil || strings.ContainsAny(endpoint, "?#\"'<>\\ ") {
		return false
	}
	absolute := (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	return absolute || (u.Scheme == "" && u.Host == "" && strings.HasPrefix(endpoint, "/"))
}
