package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"heed/consent"
	"heed/snippet"
)

// headerTimeout bounds one request for a page's head.
const headerTimeout = 30 * time.Second

// today is when a choice of the check was made.
func today() time.Time { return time.Now() }

// judgeHeader asks for the page as a visitor in each state, and again with what a browser has kept.
func (c *tagCheck) judgeHeader(ctx context.Context) error {
	remedy := "let the server send what heed tag " + c.site.ID + " --header prints, with every page"
	var kept http.Header // of the answer to who has granted everything
	for _, state := range []struct {
		name   string
		choice consent.Categories // 0: none
	}{{"after a yes to everything", consent.All}, {"before a choice", 0}, {"after a no", consent.Essential}} {
		answer, err := c.head(ctx, state.choice, nil)
		if err != nil {
			return err
		}
		c.judgePolicy(state.name, state.choice, answer.Header, remedy)
		if state.choice == consent.All {
			kept = answer.Header
		}
	}
	if kept.Get("ETag") == "" && kept.Get("Last-Modified") == "" {
		return nil
	}
	answer, err := c.head(ctx, consent.Essential, kept)
	if err == nil && answer.StatusCode == http.StatusNotModified {
		c.judgePolicy("after a no, where the page is not modified (304),", consent.Essential, answer.Header, remedy)
	}
	return err
}

// judgePolicy holds the policies of an answer against the decision.
func (c *tagCheck) judgePolicy(when string, choice consent.Categories, h http.Header, remedy string) {
	var policies []string
	for _, value := range h.Values("Content-Security-Policy") {
		for policy := range strings.SplitSeq(value, ",") {
			policies = append(policies, strings.TrimSpace(policy))
		}
	}
	strict := c.site.Policy(snippet.Permitted{Granted: consent.Essential, Undecided: choice == 0})
	all := c.site.Policy(snippet.Permitted{Granted: consent.All, Undeclared: c.site.Asserts.UnknownAfterGrant})
	ours := func(policy string) bool {
		return policy == snippet.Open || strings.HasPrefix(policy, "default-src ") && isWithinPolicy(c.site.Policy(snippet.Permitted{Granted: consent.Essential}), policy)
	}
	i := slices.IndexFunc(policies, ours)
	switch {
	case i < 0:
		c.add(remedy, "%s the answer carries no policy of Heed's", when)
		return
	case choice == consent.Essential && !isWithinPolicy(withoutFrames(policies[i]), strict):
		c.add(remedy, "%s the answer's policy allows more than the essential", when)
	case choice == consent.All && policies[i] != snippet.Open && !isWithinPolicy(all, policies[i]):
		c.add(remedy, "%s the answer's policy allows less than what was granted: it is of another configuration, or of a cache", when)
	}
	if kept := strings.ToLower(h.Get("Cache-Control")); !strings.Contains(kept, "no-cache") && !strings.Contains(kept, "no-store") {
		c.add(remedy, "%s the answer may be kept without asking (Cache-Control: %s)", when, cmp.Or(kept, "none"))
	}
	if vary := strings.Join(h.Values("Vary"), ","); !strings.Contains(strings.ToLower(vary), "cookie") {
		c.add(remedy, "%s the answer does not say that it depends on the cookie (Vary)", when)
	}
	if link := strings.Join(h.Values("Link"), ","); strings.Contains(link, "preload") {
		c.add("drop it, as the recipe does", "%s a Link header has the browser fetch ahead of the policy", when)
	}
}

func withoutFrames(policy string) string { return strings.TrimSuffix(policy, anyFrames) }

// isWithinPolicy tells whether all sources of one policy are among those of another.
func isWithinPolicy(inner, outer string) bool {
	sources := strings.Fields(withoutFrames(outer))
	for _, source := range strings.Fields(inner) {
		if !slices.Contains(sources, source) {
			return false
		}
	}
	return true
}

// head asks for the page as a browser would whose visitor has made a choice, with the validators of what it has kept.
func (c *tagCheck) head(ctx context.Context, choice consent.Categories, kept http.Header) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, headerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.strict.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", c.strict.URL, err)
	}
	r.Header.Set("Sec-Fetch-Dest", "document")
	if choice != 0 {
		text := consent.Choice{Granted: choice, Day: consent.DayOf(today()), Notice: c.site.Notice}.String()
		r.Header.Set("Cookie", cmp.Or(c.site.CookieName, "heed")+"="+text)
	}
	if etag := kept.Get("ETag"); etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if since := kept.Get("Last-Modified"); since != "" {
		r.Header.Set("If-Modified-Since", since)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask for the page: %w", err)
	}
	answer.Body.Close()
	return answer, nil
}
