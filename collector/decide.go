package collector

import (
	"crypto/rand"
	"encoding/hex"
	"slices"

	"github.com/valyala/fasthttp"

	"heed/consent"
	"heed/schemas"
)

// visitorCookieSeconds is how long a visitor cookie lives: 395 days, 13 months. It is set once and not prolonged.
const visitorCookieSeconds = 395 * 24 * 60 * 60

// claim is what the client says of the visitor's will. Headers that the browser itself sets add to it.
type claim struct {
	choice   string // text of the choice, empty before one
	gpc, dnt bool   // signals as the page's script sees them
	mayGrant bool   // an unsealed choice may grant: its first batch seals it. Elsewhere it may only take away
}

// ruling is what may be kept of a request, and by what right.
type ruling struct {
	consent.Decision
	choice consent.Choice // the one that counted; empty when none did
	sealed string         // the choice that was sealed just now, for the client to keep
}

// measured reports whether visits may be told apart.
func (r *ruling) measured() bool { return r.Granted.Has(consent.Performance) }

// allows reports whether an event of this kind may be kept at all.
func (r *ruling) allows(kind schemas.Kind) bool {
	return r.measured() || r.AnonymousCount && kind == schemas.Page
}

// decide finds the place and asks consent.Resolve with everything known. The client has decided before, with less; here the stricter wins,
// since what is refused here is never handed on and what was refused there has not come.
func (c *Collector) decide(v *visit, said claim) {
	h := &v.ctx.Request.Header
	v.place = c.enricher.Place(c.addressOf(v.ctx).Addr)
	dnt := said.dnt || hasOne(h, "DNT")
	choice := c.readChoice(v.site, said)
	v.Decision = consent.Resolve(consent.Input{
		Day:           consent.DayOf(v.received),
		Place:         consent.Place{Country: v.place.Country, Region: v.place.Region},
		MatrixVersion: consent.MatrixVersion,
		SecGPC:        hasOne(h, "Sec-GPC"),
		JSGPC:         said.gpc,
		DNT:           dnt,
		Choice:        choice.counts,
		Notice:        v.site.Notice,
		Site:          v.site.asserts,
	})
	if choice.claimed&^v.Granted != 0 {
		c.metrics.disagreements.Inc()
	}
	if dnt && !v.measured() {
		v.ctx.Response.Header.Set("Tk", "N") // W3C Tracking Preference Expression: not tracking
	}
	if !slices.Contains(v.Reasons, consent.ChoiceMade) {
		return
	}
	v.choice = *choice.counts
	if choice.fresh {
		c.metrics.choicesSealed.Inc()
		v.sealed = v.choice.String()
	}
}

// readChoice is a choice as far as its text and its seal tell.
type readChoice struct {
	counts  *consent.Choice    // nil: as if there was none
	claimed consent.Categories // what the text grants, believed or not
	fresh   bool               // sealed here and now
}

// readChoice checks the seal of a choice, or makes it. A choice whose seal is wrong is no choice at all; one without a
// seal takes away what it refuses, and grants once it has been sealed with a record id of its own.
func (c *Collector) readChoice(s *site, said claim) (r readChoice) {
	if said.choice == "" {
		return r
	}
	choice, err := consent.ParseChoice(said.choice)
	if err != nil {
		c.metrics.choicesMalformed.Inc()
		return r
	}
	r.claimed = choice.Granted
	switch {
	case choice.Sealed && !choice.Verify(s.SealKey, s.ID):
		c.metrics.sealsForged.Inc()
		return r
	case !choice.Sealed && choice.Grants() && said.mayGrant:
		choice, r.fresh = choice.Seal(s.SealKey, s.ID, random16()), true
	case !choice.Sealed:
		choice.Granted = consent.Essential
	}
	r.counts = &choice
	return r
}

// identify finds the visitor's id where performance is granted, makes one where there is none, and sees to the cookie:
// set once with a grant, expired without one. The cookie beats the body's id, which another script could have written.
func (v *visit) identify(inBody string) {
	inCookie := string(v.ctx.Request.Header.Cookie(v.site.cookie))
	if !v.measured() {
		if inCookie != "" {
			v.setCookie("")
		}
		return
	}
	text := inCookie
	if !isVisitor(text) {
		if text = inBody; text == "" {
			id := random16()
			text = hex.EncodeToString(id[:])
		}
		v.setCookie(text)
	}
	var id [visitorBytes]byte
	hex.Decode(id[:], []byte(text)) // isVisitor has checked it
	v.visitor = v.site.hashVisitor(v.hash[:0], id)
}

// setCookie sets the visitor cookie, or expires it when id is empty.
func (v *visit) setCookie(id string) {
	cookie := fasthttp.AcquireCookie()
	defer fasthttp.ReleaseCookie(cookie)
	cookie.SetKey(v.site.cookie)
	cookie.SetValue(id)
	cookie.SetPath("/")
	cookie.SetHTTPOnly(true)
	cookie.SetSameSite(fasthttp.CookieSameSiteLaxMode)
	cookie.SetSecure(v.isSecure(v.ctx))
	if id == "" {
		cookie.SetExpire(fasthttp.CookieExpireDelete)
	} else {
		cookie.SetMaxAge(visitorCookieSeconds)
	}
	v.ctx.Response.Header.SetCookie(cookie)
}

// random16 returns 16 random bytes. crypto/rand never fails: it would end the process.
func random16() (id [16]byte) {
	rand.Read(id[:])
	return id
}
