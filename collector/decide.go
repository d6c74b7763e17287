package collector

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"

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
	fresh  bool           // choice was sealed here and now
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
	v.place = c.enricher.Place(v.address.Addr)
	dnt := said.dnt || v.lines.dnt
	claimed, counts, proven := c.readChoice(v, said)
	v.Decision = consent.Resolve(consent.Input{
		Day:           consent.DayOf(v.received),
		Place:         consent.Place{Country: v.place.Country, Region: v.place.Region},
		MatrixVersion: consent.MatrixVersion,
		SecGPC:        v.lines.gpc,
		JSGPC:         said.gpc,
		DNT:           dnt,
		Choice:        counts,
		Unproven:      !proven,
		Notice:        v.site.Notice,
		Site:          v.site.asserts,
	})
	if claimed&^v.Granted != 0 {
		c.metrics.disagreements.Inc()
	}
	if dnt && !v.measured() {
		v.ctx.Response.Header.SetCanonical(keyTk, valueN) // W3C Tracking Preference Expression: not tracking
	}
	if !v.Reasons.Has(consent.ChoiceMade) {
		v.choice, v.fresh = consent.Choice{}, false
	}
	if v.fresh {
		c.metrics.choicesSealed.Inc()
		v.sealed = v.choice.String()
	}
}

// readChoice puts the choice into v, and checks its seal or makes it. A choice without the right seal may only take away;
// one without any grants once it has been sealed with a record id of its own. It returns what the text grants, believed or
// not, the choice, nil when there is none, and whether what it grants is to be believed.
func (c *Collector) readChoice(v *visit, said claim) (claimed consent.Categories, choice *consent.Choice, proven bool) {
	if said.choice == "" {
		return 0, nil, false
	}
	parsed, err := consent.ParseChoice(said.choice)
	if err != nil {
		c.metrics.choicesMalformed.Inc()
		parsed = consent.Unreadable()
	}
	claimed = parsed.Granted
	switch {
	case parsed.Sealed && v.site.sealer.Verify(parsed):
		proven = true
	case parsed.Sealed:
		c.metrics.sealsForged.Inc()
		parsed.Sealed, parsed.Record = false, [16]byte{}
	case parsed.Grants() && said.mayGrant:
		parsed, v.fresh, proven = v.site.sealer.Seal(parsed, random16()), true, true
	}
	v.choice = parsed
	return claimed, &v.choice, proven
}

// identify finds the visitor's id where performance is granted, makes one where there is none, and sees to the cookie:
// set once with a grant, expired without one. The cookie beats the body's id, which another script could have written.
func (v *visit) identify(inBody string) {
	inCookie := v.ctx.Request.Header.CookieBytes(v.site.cookie)
	if !v.measured() {
		if len(inCookie) > 0 {
			v.expireCookie()
		}
		return
	}
	switch {
	case len(inCookie) == 2*visitorBytes && isLowerHex(text(inCookie)):
		hex.Decode(v.id[:], inCookie)
	case inBody != "":
		hex.Decode(v.id[:], bytesOf(inBody)) // isVisitor has checked it
		v.setCookie()
	default:
		v.id = random16()
		v.setCookie()
	}
	v.visitor = v.site.hashVisitor(v.hash[:0], &v.id)
	v.id = [visitorBytes]byte{}
}

// setCookie sets the visitor cookie: on the site's registrable domain where we are served from it, so that www and shop
// see the same visitor, else for our own host alone.
func (v *visit) setCookie() {
	b := append(append(v.scratch[:0], v.site.cookie...), '=')
	b = hex.AppendEncode(b, v.id[:])
	b = append(b, "; max-age="...)
	b = strconv.AppendInt(b, visitorCookieSeconds, 10)
	v.addCookie(b, v.cookieDomain())
}

// expireCookie removes the visitor cookie, wherever an earlier answer has set it.
func (v *visit) expireCookie() {
	expire := func(domain string) {
		b := append(append(v.scratch[:0], v.site.cookie...), "=; expires=Thu, 01 Jan 1970 00:00:00 GMT"...)
		v.addCookie(b, domain)
	}
	expire("")
	if domain := v.cookieDomain(); domain != "" {
		expire(domain)
	}
}

// cookieDomain returns the registrable domain that the page and we share, by the public suffix list, or nothing.
func (v *visit) cookieDomain() string {
	if o := v.origin.siteOrigin; o != nil && o.covers(v.ctx.Request.Header.Host()) {
		return o.domain
	}
	return ""
}

// addCookie completes a cookie that has been begun in v.scratch, and sets it.
func (v *visit) addCookie(b []byte, domain string) {
	if domain != "" {
		b = append(append(b, "; domain="...), domain...)
	}
	b = append(b, "; path=/; HttpOnly"...)
	if v.isSecure(v.ctx) {
		b = append(b, "; secure"...)
	}
	b = append(b, "; SameSite=Lax"...)
	v.scratch = b
	v.ctx.Response.Header.AddBytesKV(keySetCookie, b)
}

// random16 returns 16 random bytes. crypto/rand never fails: it would end the process.
func random16() (id [16]byte) {
	rand.Read(id[:])
	return id
}
