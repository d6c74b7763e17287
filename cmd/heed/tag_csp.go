package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"heed/schemas"
	"heed/snippet"
)

// servers are those that heed tag --header knows.
func servers() []string { return []string{"nginx", "caddy", "go"} }

// printHeader prints a recipe, and says where it is not what the configuration means.
func printHeader(p *program, site snippet.Site, server string) error {
	switch site.Wall.Strength {
	case schemas.WallOff:
		return fmt.Errorf("the wall of %s is off: there is no policy to send (set wall.strength to header)", site.ID)
	case schemas.WallHeader:
	default:
		wrap(p.stderr, "The configuration says wall.strength: "+string(site.Wall.Strength)+". Set it to header, print the recipe again, and paste the tag "+
			"that heed tag "+site.ID+" then prints: records name the strength, and the seal would stay in the page.", "# ")
	}
	return printRecipe(p.stdout, site, server)
}

// printRecipe prints the policies of a site's answers for one kind of server.
func printRecipe(w io.Writer, site snippet.Site, server string) error {
	r := newRecipe(site)
	switch server {
	case "nginx":
		return r.printNginx(w)
	case "caddy":
		return r.printCaddy(w)
	case "go":
		return r.printGo(w)
	}
	return &usageError{fmt.Sprintf("--header: %q is none of %s", server, strings.Join(servers(), ", "))}
}

// inlineScript finds the text of the tag's own script.
var inlineScript = regexp.MustCompile(`(?s)<script[^>]*>(.+?)</script>`)

// printCSP prints what a policy of the site's own has to allow for the tag to work.
func printCSP(w io.Writer, site snippet.Site) error {
	tag, err := site.Tag()
	if err != nil {
		return err
	}
	found := inlineScript.FindStringSubmatch(tag)
	if found == nil {
		return fmt.Errorf("the tag of %s has no inline script", site.ID)
	}
	sum := sha256.Sum256([]byte(found[1]))
	hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	source := "'self'"
	if u, err := url.Parse(site.Endpoint); err == nil && u.Host != "" {
		source = site.Endpoint + "/"
	}
	fmt.Fprintf(w, `# What a Content-Security-Policy of the pages of %[1]s has to allow, beside what it has.
#
# With nonces, also under 'strict-dynamic': write nonce="…" of the answer on both scripts of the tag.
script-src 'nonce-…' %[3]s
connect-src %[3]s
#
# With hashes: that of the inline script. It changes with the tag. 'strict-dynamic' takes no hash for the second script.
script-src %[2]s %[3]s
connect-src %[3]s
#
# Only where it says require-trusted-types-for 'script':
trusted-types heed
#
# Not needed: style-src and 'unsafe-inline', since the notice's style is made by script; img-src, frame-src, worker-src.
`, site.ID, hash, source)
	return nil
}
