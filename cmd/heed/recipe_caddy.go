package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"heed/consent"
	"heed/snippet"
)

const caddyHead = `# Which policy a page of %[1]s carries for whom, for Caddy 2.8 or later. Printed by: heed tag %[1]s --header caddy.
# Print it again, and reload Caddy, whenever the configuration of the site changes: notice %[2]s is in it.
#
# Stand it ahead of the site's block, and write in the block, behind its map of {heed_place} (deploy/proxy/Caddyfile):
# import heed_policy; also in handle_errors, where errors have pages. What it cannot read counts as the strictest.
(heed_policy) {
`

// Answers that carry a policy; recipe_nginx.go says why these.
const caddyTail = `	map "{heed_off}{heed_open}" {heed_policy} {
		"~1" "%s"
		default "default-src %s%s"
	}
	@heed_plain header_regexp Sec-Fetch-Dest ^(audio|audioworklet|font|image|json|manifest|paintworklet|report|script|style|text|track|video|xslt)$
	@heed_guarded not header_regexp Sec-Fetch-Dest ^(audio|audioworklet|font|image|json|manifest|paintworklet|report|script|style|text|track|video|xslt)$
	header @heed_plain {
		+Vary Sec-Fetch-Dest
		defer
	}
	header @heed_guarded {
		+Content-Security-Policy {heed_policy}
		?Cache-Control "private, no-cache"
		Cache-Control "(?i)^.*no-store.*$" "no-store, private"
		Cache-Control "^(?:[^n].*|n[^o].*|no[^-].*|no-[^s].*|no?-?)$" "private, no-cache"
		+Vary "Cookie, Sec-Fetch-Dest"
		Link "(?i)preload|preconnect|prefetch|prerender|stylesheet" none
		defer
	}
}
`

// printCaddy writes the recipe as a snippet of a Caddyfile.
func (r *recipe) printCaddy(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, caddyHead, r.site.ID, r.site.Notice)
	table := func(of, into, standard string, lines [][2]string) {
		fmt.Fprintf(&b, "\tmap %s {%s} {\n", of, into)
		for _, line := range lines {
			fmt.Fprintf(&b, "\t\t\"~%s\" \"%s\"\n", line[0], line[1])
		}
		fmt.Fprintf(&b, "\t\tdefault \"%s\"\n\t}\n", standard)
	}
	var places, said, masks, open [][2]string
	for _, p := range r.placePatterns() {
		places = append(places, [2]string{"^" + p[0] + "$", p[1]})
	}
	table(`"{heed_place}"`, "heed_law", r.laws[0].letter, places)
	for _, s := range r.said() {
		said = append(said, [2]string{"^" + s[0] + "$", s[1] + " ${1} ${2}"})
	}
	said = append(said, [2]string{"^$", "none 0 f"})
	table(`"{http.request.cookie.`+r.cookie()+`}"`, "heed_said", "bad 0 1", said)
	table(`"{http.request.cookie.`+r.cookie()+`_off}"`, "heed_off", "", [][2]string{{".", "1"}})
	table(`"{http.request.header.Sec-GPC} {http.request.header.DNT}"`, "heed_signals", "00", [][2]string{{"^1 1$", "11"}, {"^1 ", "10"}, {" 1$", "01"}})
	for _, l := range r.laws {
		for _, m := range l.masks {
			masks = append(masks, [2]string{"^" + l.letter + " " + m.pattern + " ", fmt.Sprintf("%x", byte(m.mask))})
		}
	}
	table(`"{heed_law} {heed_signals} {heed_said}"`, "heed_mask", "1", masks)
	if letters := r.freeing(); letters != "" {
		open = [][2]string{{"^[" + letters + "] " + having(consent.Advertising) + " [a-z]+ . " + having(consent.Advertising) + "$", "1"}}
	}
	table(`"{heed_law} {heed_mask} {heed_said}"`, "heed_open", "", open)
	fmt.Fprintf(&b, caddyTail, snippet.Open, r.sources.base, r.caddyHosts(table))
	_, err := io.WriteString(w, b.String())
	return err
}

// caddyHosts writes a map for each category that has hosts, and returns what a policy has behind the base.
func (r *recipe) caddyHosts(table func(of, into, standard string, lines [][2]string)) (tail string) {
	for _, category := range weighed() {
		granted, marked := r.sources.granted[category], r.sources.marked[category]
		if granted == "" {
			continue
		}
		lines := [][2]string{{"^.. " + having(category) + " [a-z1]+ . " + having(category) + "$", granted}}
		if marked != "" {
			lines = append(lines, [2]string{"^00 . none ", marked})
		}
		into := "heed_hosts_" + category.String()
		table(`"{heed_signals} {heed_mask} {heed_said}"`, into, "", lines)
		tail += "{" + into + "}"
	}
	if len(r.site.Wall.Frames) > 0 {
		var lines [][2]string
		for _, path := range r.site.Wall.Frames {
			lines = append(lines, [2]string{"^" + regexp.QuoteMeta(path), anyFrames})
		}
		table("{http.request.orig_uri.path}", "heed_frames", "", lines)
		tail += "{heed_frames}"
	}
	return tail
}
