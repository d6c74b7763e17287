package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"heed/consent"
	"heed/schemas"
	"heed/snippet"
)

// finding is something that is wrong with a page's tag, and what to do.
type finding struct{ what, remedy string }

// tagCheck is one page under examination.
type tagCheck struct {
	site    snippet.Site
	version string                    // of the tag that the configuration makes
	strict  *seenPage                 // before a choice
	again   func() (*seenPage, error) // after a yes to everything
	found   []finding
}

func (c *tagCheck) add(remedy, format string, args ...any) {
	c.found = append(c.found, finding{fmt.Sprintf(format, args...), remedy})
}

// errTagWrong says that something was found; it is printed by then.
var errTagWrong = errors.New("there is something wrong with the tag of these pages")

// checkTag opens each page twice, before a choice and after a yes to everything, and says what is wrong with its tag.
func checkTag(ctx context.Context, p *program, f *flags, site snippet.Site) (err error) {
	version, err := site.TagVersion()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx, p.stderr, profileLeft)
	defer stop()
	cfg := chromeConfig{path: f.text("browser")}
	fresh, err := openChrome(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fresh.close()) }()
	agreed, err := openChrome(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agreed.close()) }()
	wrong := false
	for url := range strings.SplitSeq(f.text("check"), listSeparator) {
		c := &tagCheck{site: site, version: version}
		if c.strict, err = visitTagged(ctx, fresh, chromeVisit{url: url}); err != nil {
			return err
		}
		c.again = func() (*seenPage, error) {
			return visitTagged(ctx, agreed, chromeVisit{url: url, cookies: []chromeCookie{c.yes(url)}})
		}
		if err := c.judge(ctx); err != nil {
			return err
		}
		c.print(p.stdout, url)
		wrong = wrong || len(c.found) > 0
	}
	if wrong {
		return errTagWrong
	}
	return nil
}

// yes is the cookie of who has granted everything.
func (c *tagCheck) yes(url string) chromeCookie {
	choice := consent.Choice{Granted: consent.All, Day: consent.DayOf(today()), Notice: c.site.Notice}
	return chromeCookie{Name: cmp.Or(c.site.CookieName, "heed"), Value: choice.String(), Domain: hostOf(url), Path: "/"}
}

// seenPage is what the watching script and the browser saw of a visit.
type seenPage struct {
	*chromePage
	watched
}

// watched is what tagWatch and tagReport tell.
type watched struct {
	Began    *began   // when the tag ran; nil: it never did
	Tags     []string // the versions of the tags in the document
	Types    []string // the type attributes of those that have one
	Seal     string   // policy of the seal that is in the document, or ""
	Behind   bool     // the seal is the stub's next sibling
	Swallows bool     // something swallowed it
	Refused  []withheld
	Merges   []string // frameworks that merge heads, by name
	Moved    *moved   // a navigation within the page; nil: there was no link for one, or it left the page
}

// began is the moment when window.heed was first set.
type began struct {
	Version string   // of the script that did it
	Late    bool     // the document was there already
	Before  []string // what ran or loaded ahead of it
}

// withheld is something that a policy of the page's own held back.
type withheld struct{ What, Directive, Policy string }

// moved is how a client-side navigation left the head.
type moved struct{ Sealed bool }

func visitTagged(ctx context.Context, browser *chrome, v chromeVisit) (*seenPage, error) {
	v.script, v.ask = tagWatch, []string{tagReport}
	page, err := browser.visit(ctx, v)
	if err != nil {
		return nil, err
	}
	seen := &seenPage{chromePage: page}
	if err := json.Unmarshal(page.Answers[0], &seen.watched); err != nil {
		return nil, fmt.Errorf("read what was seen of %s: %w", v.url, err)
	}
	return seen, nil
}

// judge says what is wrong, what stops everything else first.
func (c *tagCheck) judge(ctx context.Context) error {
	c.judgeOwnPolicy()
	if c.strict.Began == nil || len(c.strict.Tags) == 0 && c.site.Wall.Strength != schemas.WallOff {
		c.judgeAbsence()
		return nil
	}
	c.judgeVersion()
	c.judgeOrder()
	c.judgeLoader()
	switch c.site.Wall.Strength {
	case schemas.WallSealed:
		return c.judgeSeal()
	case schemas.WallHeader:
		return c.judgeHeader(ctx)
	}
	return nil
}

func (c *tagCheck) judgeAbsence() {
	remedy := "paste what heed tag " + c.site.ID + " prints into the <head>, before anything else there"
	switch {
	case len(c.strict.Tags) > 0 && len(c.strict.Types) > 0:
		c.add("exclude the scripts with data-heed from the optimiser that changes their type",
			"the tag is there, but never ran: its type is %q, as page optimisers leave what they delay", c.strict.Types[0])
	case len(c.strict.Tags) > 0:
		c.add("allow it as heed tag "+c.site.ID+" --csp says, where a policy is in its way", "the tag is there, but never ran")
	case c.strict.Began != nil:
		c.add(remedy, "the page has a tag without a wall")
	default:
		c.add(remedy, "there is no tag")
	}
}

func (c *tagCheck) judgeVersion() {
	if n := len(c.strict.Tags); n > 1 {
		c.add("leave the first and remove the others, also from what a tag manager or a theme adds", "there are %d tags", n)
	}
	for _, version := range c.strict.Tags {
		if version != c.version {
			c.add("paste what heed tag "+c.site.ID+" prints now", "the tag is %s, of another configuration than that of now, which is %s", version, c.version)
		}
	}
}

func (c *tagCheck) judgeOrder() {
	if c.strict.Began.Late {
		c.add("exclude the scripts with data-heed from what delays or moves scripts",
			"the tag ran only when the document had been read: something delays it")
	}
	if before := c.strict.Began.Before; len(before) > 0 {
		c.add("move the tag to the first place in the <head>, right behind <meta charset>",
			"the tag was not the first: ahead of it came %s", strings.Join(before[:min(3, len(before))], ", "))
	}
}

// judgeSeal wants the seal behind the stub before a choice.
func (c *tagCheck) judgeSeal() error {
	switch {
	case c.strict.Seal == "":
		c.add("paste the tag whole: its second line is the seal", "there is no seal behind the tag")
	case !c.strict.Behind:
		c.add("paste the tag whole, with nothing between its lines", "the seal does not follow the tag at once")
	case c.strict.Seal != c.site.Seal():
		c.add("paste what heed tag "+c.site.ID+" prints now", "the seal is of another configuration")
	}
	if len(c.strict.Merges) > 0 {
		c.add(c.toHeader(), "the page uses %s, which merges the head and seals pages again", strings.Join(c.strict.Merges, " and "))
	}
	if !c.lifts() || c.strict.Seal == "" {
		return nil
	}
	return c.judgeLift()
}

func (c *tagCheck) toHeader() string {
	return "set wall.strength to header, and see heed tag " + c.site.ID + " --header"
}

// judgeLift wants the seal away after a yes, also when scripts of the page have had their way.
func (c *tagCheck) judgeLift() error {
	granted, err := c.again()
	if err != nil {
		return err
	}
	switch {
	case granted.Seal != "" && granted.Swallows:
		c.add(c.toHeader(), "after a yes the seal was put back: a script of the page merges or hydrates the head")
	case granted.Seal != "":
		c.add("allow trusted-types heed where the page requires Trusted Types, and keep scripts from replacing document.write; or "+c.toHeader(),
			"after a yes the page stays sealed")
	case granted.Moved != nil && granted.Moved.Sealed:
		c.add(c.toHeader(), "after a yes a link within the site seals the page again: a script of the page merges the heads")
	}
	return nil
}

// lifts tells whether a yes allows more than the seal does.
func (c *tagCheck) lifts() bool {
	return c.site.Asserts.UnknownAfterGrant || len(c.site.Wall.Frames) > 0 ||
		slices.ContainsFunc(c.site.Wall.Services, func(s snippet.Service) bool { return s.Category != consent.Essential && !s.Marked })
}

// judgeOwnPolicy reports what a policy of the page's own has in the tag's way.
func (c *tagCheck) judgeOwnPolicy() {
	for _, r := range c.strict.Refused {
		ours := strings.HasPrefix(r.What, c.site.Endpoint+"/") || strings.HasPrefix(r.Directive, "trusted-types") ||
			strings.HasPrefix(r.Directive, "require-trusted-types") || r.What == "inline" && c.strict.Began == nil
		if ours {
			c.add("allow what heed tag "+c.site.ID+" --csp prints", "the page's own policy holds back %s, by %s", r.What, r.Directive)
			return
		}
	}
}

// judgeLoader wants the second script of the tag.
func (c *tagCheck) judgeLoader() {
	loader := c.site.Endpoint + "/" + snippet.LoaderName
	for _, r := range c.strict.Requests {
		if strings.HasSuffix(r.URL, "/"+snippet.LoaderName) && (r.URL == loader || strings.HasPrefix(c.site.Endpoint, "/")) {
			if r.Status != 200 && r.Status != 304 {
				c.add("start heed serve, and mind public_url and the proxy in front of it", "%s is not to be had: %s", loader,
					cmp.Or(r.Failed, r.Blocked, fmt.Sprintf("status %d", r.Status)))
			}
			return
		}
	}
	c.add("paste the tag whole: its last line loads that", "the page does not ask for %s", loader)
}

func (c *tagCheck) print(w io.Writer, url string) {
	fmt.Fprintf(w, "%s\n", url)
	for _, version := range c.strict.Tags {
		fmt.Fprintf(w, "  tag %s, %s\n", version, either(version == c.version, "that of the configuration", "not that of the configuration, "+c.version))
	}
	for _, f := range c.found {
		fmt.Fprintf(w, "  wrong: %s\n         %s\n", f.what, f.remedy)
	}
	if len(c.found) == 0 {
		fmt.Fprintf(w, "  the tag is first, whole and of strength %s\n", c.site.Wall.Strength)
	}
}
