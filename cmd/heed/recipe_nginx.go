package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"heed/consent"
	"heed/snippet"
)

// maxNginxWord is what nginx takes as one word of its configuration, less some room.
const maxNginxWord = 4000

const nginxHead = `# Which policy a page of %[1]s carries for whom: for http { } of nginx 1.22 or later.
# Printed by: heed tag %[1]s --header nginx. Print it again, and reload nginx, whenever the configuration of the site changes:
# notice %[2]s is in it, and who answered another one is asked again.
#
# It reads $heed_place (deploy/proxy/nginx.conf defines it), Sec-GPC, DNT and the cookie of the choice. What it cannot read
# counts as the strictest. In the location of the site's pages belong:
#
#   add_header Content-Security-Policy $heed_policy always;
#   add_header Cache-Control $heed_cache always;
#   add_header Vary $heed_vary always;
#   add_header Set-Cookie $heed_end_host always;
#   add_header Set-Cookie $heed_end_domain always;
#
# and, where another program makes the pages (proxy_pass, fastcgi_pass with fastcgi_hide_header, …), also:
#
#   proxy_hide_header Cache-Control;
#   proxy_hide_header Link;
#   add_header Link $heed_link always;

`

// Answers that carry a policy, and how long they are kept. These do not depend on the site.
const nginxTail = `
# Documents, frames and workers carry a policy, and what does not say what it is for. A script may become a worker's, and a
# 304 has no type: hence Sec-Fetch-Dest, of which every answer says that it depends on it.
map "$http_sec_fetch_dest $sent_http_content_type" $heed_guarded {
    default 1;
    "~^(audio|audioworklet|font|image|json|manifest|paintworklet|report|script|style|text|track|video|xslt) " "";
    "~^empty (?!text/html|application/xhtml)." "";
}
map "$heed_guarded $heed_off$heed_open" $heed_policy {
    default "";
    "~^1 1" "%s";
    "~^1 " "default-src $heed_base%s";
}
# A browser that is told "not modified" takes the headers of that answer. It has to ask each time.
map "$heed_guarded $upstream_http_cache_control" $heed_cache {
    default $upstream_http_cache_control;
    "~*^1 .*no-store" "private, no-store";
    "~^1 " "private, no-cache";
}
map $heed_guarded $heed_vary {
    default "Sec-Fetch-Dest";
    1 "Cookie, Sec-Fetch-Dest";
}
# What a header has a browser fetch ahead comes before any policy.
map "$heed_guarded $upstream_http_link" $heed_link {
    default $upstream_http_link;
    "~*^1 .*(preload|preconnect|prefetch|prerender|stylesheet)" "";
}
`

// printNginx writes the recipe as maps of nginx.
func (r *recipe) printNginx(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, nginxHead, r.site.ID, r.site.Notice)
	n := &nginxMaps{w: &text}
	n.place(r)
	n.said(r)
	n.mask(r)
	tail := n.hosts(r)
	n.frees(r)
	n.ends(r)
	fmt.Fprintf(&text, nginxTail, snippet.Open, tail)
	for line := range strings.Lines(text.String()) {
		if len(line) > maxNginxWord {
			return fmt.Errorf("nginx takes no line of %d bytes, which the hosts of %s would need: use https://*.host in their place, "+
				"or the recipe for Caddy or Go", len(line), r.site.ID)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// nginxMaps writes map directives one behind the other.
type nginxMaps struct{ w *strings.Builder }

// begin writes the head of a map; lines are then written by line.
func (n *nginxMaps) begin(why, of, into, standard string) {
	fmt.Fprintf(n.w, "# %s\nmap %s $%s {\n    default %s;\n", why, of, into, standard)
}

// line writes one regular expression and what it gives. A pattern may hold double quotes, and then no single ones.
func (n *nginxMaps) line(pattern, value string) {
	quote := `"`
	if strings.Contains(pattern, quote) {
		quote = "'"
	}
	fmt.Fprintf(n.w, "    %s~%s%s %s;\n", quote, pattern, quote, value)
}

func (n *nginxMaps) end() { n.w.WriteString("}\n") }

func (n *nginxMaps) place(r *recipe) {
	n.begin("The law of a place: "+r.laws[0].letter+" where none is known.", "$heed_place", "heed_law", r.laws[0].letter)
	for _, p := range r.placePatterns() {
		n.line(`"`+p[0]+`"`, p[1])
	}
	n.end()
}

func (n *nginxMaps) said(r *recipe) {
	name := regexp.QuoteMeta(r.cookie())
	first := `^(?:(?!` + name + `=)[^;]*; ?)*` + name + `=` // the one that scripts read, where there are two
	n.begin("The choice: its state and the two digits of its bits.", "$http_cookie", "heed_said", `"none 0 f"`)
	for i, s := range r.said() {
		pattern := s[0]
		for j, group := range []string{"([0-9a-f])", "([13579bdf])"} {
			pattern = strings.Replace(pattern, group, fmt.Sprintf("(?<heed_%c%d>%s", 'x'+j, i, group[1:]), 1)
		}
		n.line(first+pattern+"(?:;|$)", fmt.Sprintf(`"%s $heed_x%d $heed_y%d"`, s[1], i, i))
	}
	n.line(first, `"bad 0 1"`)
	n.end()
	n.begin("The owner's emergency switch, which the collector's script leaves for a day.", "$http_cookie", "heed_off", `""`)
	n.line(`(?:^|; ?)`+name+`_off=`, "1")
	n.end()
	n.begin("Sec-GPC and DNT.", `"$http_sec_gpc $http_dnt"`, "heed_signals", "00")
	n.line("^1 1$", "11")
	n.line("^1 ", "10")
	n.line(" 1$", "01")
	n.end()
}

func (n *nginxMaps) mask(r *recipe) {
	n.begin("What may be allowed at most: 1 essential, 2 functional, 4 performance, 8 advertising, together one hex digit.",
		`"$heed_law $heed_signals $heed_said"`, "heed_mask", "1")
	for _, l := range r.laws {
		for _, m := range l.masks {
			n.line("^"+l.letter+" "+m.pattern+" ", fmt.Sprintf("%x", byte(m.mask)))
		}
	}
	n.end()
}

// hosts writes a map for each category that has hosts, and returns what a policy has behind the base.
func (n *nginxMaps) hosts(r *recipe) (tail string) {
	n.begin("Hosts that are always allowed.", "$host", "heed_base", `"`+r.sources.base+`"`)
	n.end()
	for _, category := range weighed() {
		granted, marked := r.sources.granted[category], r.sources.marked[category]
		if granted == "" {
			continue
		}
		n.begin("Hosts of what is "+category.String()+".", `"$heed_signals $heed_mask $heed_said"`, "heed_hosts_"+category.String(), `""`)
		n.line("^.. "+having(category)+" [a-z1]+ . "+having(category)+"$", `"`+granted+`"`)
		if marked != "" {
			n.line("^00 . none ", `"`+marked+`"`)
		}
		n.end()
		tail += "$heed_hosts_" + category.String()
	}
	if len(r.site.Wall.Frames) > 0 {
		n.begin("Pages on which frames of every host may load.", "$request_uri", "heed_frames", `""`)
		for _, path := range r.site.Wall.Frames {
			n.line("^"+regexp.QuoteMeta(path), `"`+anyFrames+`"`)
		}
		n.end()
		tail += "$heed_frames"
	}
	return tail
}

// anyFrames stands behind a policy where frames of every host may load.
const anyFrames = ";frame-src *"

func (n *nginxMaps) frees(r *recipe) {
	n.begin("A yes to advertising frees what nobody declared, too: where silence allows, or the owner says so.",
		`"$heed_law $heed_mask $heed_said"`, "heed_open", `""`)
	if letters := r.freeing(); letters != "" {
		n.line("^["+letters+"] "+having(consent.Advertising)+" [a-z]+ . "+having(consent.Advertising)+"$", "1")
	}
	n.end()
}

// ends writes which cookie an answer ends: of what was refused, one each time, since scripts have ended those that they can see.
func (n *nginxMaps) ends(r *recipe) {
	n.begin("Cookies of what was refused, which a script cannot end (HttpOnly): one with each page.",
		`"$heed_mask $heed_said;$http_cookie"`, "heed_ended", `""`)
	for i, s := range r.stores() {
		without := lacking(s.category)
		for j, refused := range []string{without + " now1? . .", ". now1? . " + without} {
			group := fmt.Sprintf("heed_e%d%c", i, 'a'+j)
			n.line("^"+refused+";(?:.*; ?)?(?<"+group+">"+s.pattern+")=", `"$`+group+`"`)
		}
	}
	n.end()
	n.begin("The same, as it has to be said.", `"$heed_guarded$heed_off$heed_open $heed_ended"`, "heed_end_host", `""`)
	n.line("^1 .", `"$heed_ended=; Path=/; Max-Age=0; Secure"`)
	n.end()
	n.begin("And for a cookie of the whole domain.", `"$heed_guarded$heed_off$heed_open $heed_ended"`, "heed_end_domain", `""`)
	if r.site.CookieDomain != "" {
		n.line("^1 .", `"$heed_ended=; Path=/; Domain=`+r.site.CookieDomain+`; Max-Age=0; Secure"`)
	}
	n.end()
}
