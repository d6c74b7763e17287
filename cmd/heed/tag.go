package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heed/consent"
	"heed/schemas"
	"heed/snippet"
)

func tagCommand() command {
	return command{
		name: "tag", args: "SITE [--strength S] [--csp | --header SERVER | --check URL]",
		summary: "Print what a site's pages paste, and why; or check a page that has it.",
		detail: "The tag goes to standard output, and why it is this one to standard error. Its strength is that of wall.strength. tag " +
			"suffices where nothing is denied before a choice. Where it is, sealed holds back everything on pages whose head no script " +
			"merges, and header on all, where the pages' answers can carry a policy: --header prints the recipe for the server. A pasted " +
			"tag is frozen: paste it again when the configuration changes; --check tells when that is.",
		example: "heed tag shop --check https://shop.example.com/",
		operand: true,
		own: func(f *flags) {
			f.set.String("strength", "", "Print the tag of another `strength` than wall.strength: "+strings.Join(wallStrengths(), ", ")+".")
			f.set.Bool("csp", false, "Print what a Content-Security-Policy of the site's own has to allow.")
			f.set.String("header", "", "Print the policies of the pages' answers for a `server`: "+strings.Join(servers(), ", ")+".")
			f.set.String("check", "", "Open the page at this `URL`, or at several with commas between, in a local Chromium, and say what is wrong with its tag.")
			f.set.String("browser", "", "The `program` of the Chromium for --check. Empty: one that is in the path.")
		},
		run: runTag,
	}
}

func runTag(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	if f.operand == nil {
		return &usageError{"name a site, as in: heed tag " + firstSite(cfg)}
	}
	site, made, err := cfg.tagged(*f.operand, f.text("strength"))
	if err != nil {
		return err
	}
	switch {
	case f.text("check") != "":
		return checkTag(ctx, p, f, made)
	case f.text("header") != "":
		return printHeader(p, made, f.text("header"))
	case f.on("csp"):
		return printCSP(p.stdout, made)
	}
	tag, err := made.Tag()
	if err != nil {
		return err
	}
	fmt.Fprint(p.stdout, tag)
	explainTag(p.stderr, site, made)
	return nil
}

// tagged is a site as heed serve would build it.
func (c *Config) tagged(id, strength string) (*Site, snippet.Site, error) {
	site, err := c.site(id)
	if err != nil {
		return nil, snippet.Site{}, err
	}
	if strength != "" && !slices.Contains(wallStrengths(), strength) {
		return nil, snippet.Site{}, &usageError{fmt.Sprintf("--strength: %q is none of %s", strength, strings.Join(wallStrengths(), ", "))}
	}
	endpoint, err := c.knownEndpoint(site)
	if err != nil {
		return nil, snippet.Site{}, err
	}
	notices, err := site.notices()
	if err != nil {
		return nil, snippet.Site{}, err
	}
	made := site.snippet(endpoint, c.cookieName(site), notices)
	made.Wall.Strength = cmp.Or(schemas.Wall(strength), made.Wall.Strength)
	return site, made, made.Validate()
}

// knownEndpoint is where a site's pages reach the collector, as far as it is known without one that runs.
func (c *Config) knownEndpoint(site *Site) (string, error) {
	public := cmp.Or(site.PublicURL, c.Collector.PublicURL)
	if public == "" {
		host, port, err := net.SplitHostPort(c.Collector.Addresses[0])
		if err != nil || port == "0" || strings.HasPrefix(c.Collector.Addresses[0], "unix:") {
			return "", errors.New("where pages reach the collector is known to heed serve alone: set collector.public_url")
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		public = either(c.Collector.TLS.Certificate == "", "http://", "https://") + net.JoinHostPort(host, port)
	}
	prefix, err := c.knownPrefix()
	return public + prefix + "/" + site.Key, err
}

// knownPrefix is the collector's, without making one.
func (c *Config) knownPrefix() (string, error) {
	if c.Collector.Prefix != "" {
		return c.Collector.Prefix, nil
	}
	path := filepath.Join(c.DataDir, installFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the collector has no prefix yet (set collector.prefix, or start heed serve once, which makes one in %s)", c.DataDir)
	}
	var in install
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err == nil {
		err = checkPrefix(in.Prefix)
	}
	if err != nil {
		return "", fmt.Errorf("read the prefix in %s: %w", path, err)
	}
	return in.Prefix, nil
}

// explainTag says in plain words why the tag is this one, and what belongs to it.
func explainTag(w io.Writer, site *Site, made snippet.Site) {
	say := func(format string, args ...any) { wrap(w, fmt.Sprintf(format, args...), "# ") }
	asking, silent := regimes(made.Asserts)
	say("Paste it into the <head> of every page, right behind <meta charset> and before anything else there.")
	switch made.Wall.Strength {
	case schemas.WallOff:
		say("off: nothing is held back. gpc.json says so, and records of choices, too.")
	case schemas.WallTag:
		say("tag: an inline script has the browser hold back what is not allowed. In Chromium and Firefox bare requests of the page's own " +
			"markup still get out, with cookies of others; nothing that they fetch runs.")
	case schemas.WallSealed:
		say("sealed: an inline script and a policy behind it, which it takes away where something is granted. Before that nothing gets out " +
			"but what heed hosts names, and in Firefox bare requests of srcset and picture. Not for pages whose head a script merges (Turbo, htmx head-support, React 19, Next): there it has to be header.")
	case schemas.WallHeader:
		say("header: the answers of the pages carry the policy; without it the tag is no stronger than tag. Print the recipe for your "+
			"server with: heed tag %s --header %s.", made.ID, strings.Join(servers(), "|"))
	}
	say("Why: %s", whichStrength(made.Wall.Strength, asking, silent))
	if made.Wall.Strength != schemas.Wall(site.Wall.Strength) {
		say("This is not what is in force: the configuration says wall.strength: %s, and scripts, records and gpc.json go by it.",
			site.Wall.Strength)
	}
	explainRoot(say, site, made)
}

// whichStrength compares the strength with what the places ask for.
func whichStrength(strength schemas.Wall, asking []string, silent int) string {
	if len(asking) == 0 {
		return "nothing is denied before a choice where your visitors are, so tag is enough."
	}
	places := fmt.Sprintf("%d regimes deny something before a choice (%s), %d do not.", len(asking), strings.Join(asking, " "), silent)
	if strength == schemas.WallSealed || strength == schemas.WallHeader {
		return places + " So nothing may get out ahead of the answer: header holds that, and sealed but for what heed hosts names."
	}
	return places + " So nothing may get out ahead of the answer, and " + string(strength) + " is too weak: set wall.strength to sealed, or to header."
}

// regimes parts the rows of the matrix by whether they deny something to whoever says nothing.
func regimes(asserts consent.Site) (asking []string, silent int) {
	var others []string
	for _, row := range consent.BrowserRows() {
		for _, code := range row.Places {
			country, region, _ := strings.Cut(code, "-")
			place := consent.Place{Country: country, Region: region}
			if code == consent.Rest {
				place = consent.Place{Country: nowhere}
			} else if code == consent.Strictest {
				continue // not a place
			}
			d := consent.Resolve(consent.Input{Place: place, MatrixVersion: consent.MatrixVersion, Site: asserts})
			list := &asking
			if d.Granted == consent.All {
				list = &others
			}
			if !slices.Contains(*list, d.Jurisdiction) {
				*list = append(*list, d.Jurisdiction)
			}
		}
	}
	slices.Sort(asking)
	return asking, len(others)
}

// explainRoot says what has to stand at the root of the site.
func explainRoot(say func(string, ...any), site *Site, made snippet.Site) {
	own := slices.ContainsFunc(site.Origins, func(o string) bool { return strings.HasPrefix(made.Endpoint, o+"/") })
	path := made.Endpoint
	if own {
		say("At the root of the site, route /.well-known/gpc.json to %s/gpc.json and /.well-known/dnt/ to %s/dnt (deploy/proxy has the recipes).", path, path)
		return
	}
	say("At the root of the site belong /.well-known/gpc.json, which heed consent gpc --site %s prints, and /.well-known/dnt/, which depends on "+
		"who asks: a host of files alone can let it lead to %s/dnt (status 307).", made.ID, path)
}
