package collector

import (
	"cmp"
	"strconv"

	"heed/consent"
	"heed/schemas"
)

// choiceCookie is what the site's script keeps the choice in, unless the site says otherwise.
const choiceCookie = "heed"

// safari is the family of all browsers that forget after seven days what a script has kept: on iOS whatever runs WebKit.
const safari = "Safari"

// choiceInCookie returns the choice that came as a cookie, "" when none did. It lies in the request.
func (v *visit) choiceInCookie() string {
	h := &v.ctx.Request.Header
	if own := h.Cookie(v.site.choiceCookie); len(own) > 0 && v.site.ChoiceCookie != "" {
		return text(own)
	}
	if own := h.CookieBytes(v.site.keyedCookie); len(own) > 0 {
		return text(own)
	}
	return text(h.Cookie(choiceCookie))
}

// renewChoice sets the choice cookie again by HTTP: with each choice, and with the page views of browsers that forget what
// scripts have kept. It does so only where the browser has sent that very choice as a cookie: a later one of another tab
// is not undone, and what we could not set so that the page's script finds it is not set.
func (v *visit) renewChoice() {
	if !v.isAnswer() && !v.isForgotten() {
		return
	}
	kept := text(v.ctx.Request.Header.Cookie(v.site.choiceCookie))
	said := v.answer
	said.Unsent = false
	if kept == "" || v.answer.Day < 0 || !isSame(kept, said) || !v.sharesChoice() {
		return
	}
	left := v.answer.Day + v.days() - consent.DayOf(v.received)
	if left <= 0 {
		return
	}
	if v.isAnswer() {
		kept = said.String() // it is told by now
	}
	b := append(append(v.scratch[:0], v.site.choiceCookie...), '=')
	b = append(b, cmp.Or(v.sealed, kept)...)
	b = append(strconv.AppendInt(append(b, "; max-age="...), int64(left)*24*60*60, 10), "; path=/"...)
	if domain := v.site.ChoiceDomain; domain != "" {
		b = append(append(b, "; domain="...), domain...)
	}
	if v.isSecure(v.ctx) {
		b = append(b, "; secure"...)
	}
	v.scratch = append(b, "; SameSite=Lax"...)
	v.ctx.Response.Header.AddBytesKV(keySetCookie, v.scratch)
}

// isForgotten reports whether the batch has a page view of a browser that forgets. What was chosen today we have set today,
// and the visitor who has just chosen is the likeliest to choose again before our answer has come.
func (v *visit) isForgotten() bool {
	forgets := v.device.Browser == safari || v.device.OS == "iOS" || v.device.OS == "iPadOS"
	if !forgets || v.answer.Day >= consent.DayOf(v.received) {
		return false
	}
	for i := range v.decoder.batch.Events {
		if v.decoder.batch.Events[i].Kind == schemas.Page {
			return true
		}
	}
	return false
}

// isSame reports whether the text of a cookie is this choice, told or not.
func isSame(text string, said consent.Choice) bool {
	kept, err := consent.ParseChoice(text)
	kept.Unsent = false
	return err == nil && kept == said
}

// sharesChoice reports whether a cookie of ours is the page's: we are under the domain that it is set on, or on the
// page's own host.
func (v *visit) sharesChoice() bool {
	o, host := v.origin.siteOrigin, v.ctx.Request.Header.Host()
	if o == nil {
		return false
	}
	if v.site.ChoiceDomain == "" {
		return o.isHost(host)
	}
	return isWithin(host, v.site.ChoiceDomain)
}
