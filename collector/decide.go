package collector

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"

	"heed/consent"
	"heed/pipeline/enrich"
	"heed/schemas"
)

// visitorCookieSeconds is how long a visitor cookie lives: 395 days, 13 months. It is set once and not prolonged.
const visitorCookieSeconds = 395 * 24 * 60 * 60

// claim is what the client says of the visitor's will. Headers that the browser itself sets add to it.
type claim struct {
	choice   string // text of the choice, empty before one
	gpc, dnt bool   // signals as the page's script sees them
	age      consent.Age
}

// ruling is what may be kept of a request, and by what right.
type ruling struct {
	consent.Decision
	answer   consent.Choice // the one that was sent, believed or not; Day is below 0 where none was, or none that can be read
	choice   consent.Choice // the one that counted; empty when none did
	fresh    bool           // choice was sealed here and now
	sealed   string         // the choice that was sealed just now, for the client to keep
	disagree bool           // the browser allowed more than we do
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
	v.place = c.placeOf(v)
	dnt := said.dnt || v.lines.dnt
	counts, proven := c.readChoice(v, said.choice)
	in := consent.Input{
		Day:           consent.DayOf(v.received),
		Place:         consent.Place{Country: v.place.Country, Region: v.place.Region},
		MatrixVersion: consent.MatrixVersion,
		SecGPC:        v.lines.gpc,
		JSGPC:         said.gpc,
		DNT:           dnt,
		Choice:        counts,
		Unproven:      !proven,
		Notice:        v.site.Notice,
		Age:           said.age,
		Site:          v.site.asserts,
	}
	v.Decision = consent.Resolve(in)
	v.disagree = v.answer.Granted&^v.Granted != 0 && allowedThere(in, said)&^v.Granted != 0
	if dnt && !v.measured() {
		v.ctx.Response.Header.SetCanonical(keyTk, valueN) // W3C Tracking Preference Expression: not tracking
	}
	if !v.Reasons.Has(consent.ChoiceMade) {
		v.choice, v.fresh = consent.Choice{}, false
	}
	if v.fresh {
		v.sealed = v.choice.String()
	}
}

// placeOf looks the visitor's place up.
func (c *Collector) placeOf(v *visit) enrich.Place {
	if v.recall == nil {
		return c.enricher.Place(v.address.Addr)
	}
	return c.enricher.PlaceAgain(v.address.Addr, &v.recall.place)
}

// allowedThere is what the browser may have decided with what it knows: its own signals, and its choice, which it cannot
// verify. in is what we have decided by.
func allowedThere(in consent.Input, said claim) consent.Categories {
	in.SecGPC, in.DNT, in.Unproven = false, said.dnt, false
	return consent.Resolve(in).Granted
}

// readChoice puts the choice into v, and checks its seal or makes it. A choice without the right seal may only take away,
// unless the consent event that it came from is in the same batch: then it is sealed with that record. It returns the
// choice, nil when there is none, and whether what it grants is to be believed.
func (c *Collector) readChoice(v *visit, text string) (choice *consent.Choice, proven bool) {
	v.answer = consent.Unreadable()
	if text == "" {
		return nil, false
	}
	if known, ok := v.recall.choiceOf(v.site, text); ok {
		v.answer, v.choice = known, known
		return &v.choice, true
	}
	parsed, err := consent.ParseChoice(text)
	if err != nil {
		c.metrics.choicesMalformed.Inc()
		parsed = consent.Unreadable()
	}
	v.answer = parsed
	switch {
	case parsed.Sealed:
		if parsed, proven = c.checkSeal(v, parsed); proven && !v.fresh {
			v.recall.keepChoice(v.site, text)
		}
	case parsed.Grants() && v.isAnswer():
		parsed.Unsent = false
		parsed, v.fresh, proven = v.site.sealer.Seal(parsed, v.testimony.id), true, true
	case parsed.Grants():
		c.metrics.choicesUnproven.Inc()
	}
	v.choice = parsed
	return &v.choice, proven
}

// checkSeal takes record and seal from a choice whose seal is wrong. One of an old key is sealed again.
func (c *Collector) checkSeal(v *visit, choice consent.Choice) (consent.Choice, bool) {
	proven, old := v.site.verify(choice)
	switch {
	case old:
		choice, v.fresh = v.site.sealer.Seal(choice, choice.Record), true
	case !proven:
		c.metrics.sealsForged.Inc()
		choice.Sealed, choice.Record = false, [16]byte{}
	}
	return choice, proven
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
