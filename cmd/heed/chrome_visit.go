package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pageRest is how long a page must have asked for nothing to be at rest.
const pageRest = 500 * time.Millisecond

// chromeVisit is one page to be opened.
type chromeVisit struct {
	url     string
	headers map[string]string // sent with every request
	cookies []chromeCookie    // in the jar before
	script  string            // runs in every frame before any script of the page
	setters bool              // see what sets each cookie, for which document.cookie is wrapped
	ask     []string          // expressions, evaluated in turn once the page is at rest; promises are awaited
}

// chromePage is what was seen of a page.
type chromePage struct {
	URL      string // where it ended up
	Status   int    // of its document
	Header   map[string]string
	Requests []chromeRequest
	Cookies  []chromeCookie // of all domains, everything that the jar holds after the page came to rest
	Stored   []chromeKey    // of all frames
	Console  []string       // what was logged, errors of the browser included
	Answers  []json.RawMessage
	Cut      bool // more requests than allowed, or it never came to rest; what is here is what was seen until then
}

// chromeRequest is one request of a page or of a frame or worker in it.
type chromeRequest struct {
	URL     string
	Type    string // as in Script, Image, Fetch
	From    string // URL of the script or document that made it, where the browser says so
	Status  int    // of the answer; 0 where none came
	Blocked string // why it was held back, as in csp; empty when it was sent
	Failed  string // the network's error
}

// visit opens a page in a tab of its own, waits until it is at rest, asks it and looks into the jar. Cookies and storage stay
// for the next visit. It ends when ctx does, or after the time for a visit.
func (c *chrome) visit(ctx context.Context, v chromeVisit) (*chromePage, error) {
	tab, closeTab := chromedp.NewContext(c.ctx)
	defer closeTab()
	if err := chromedp.Do(tab); err != nil {
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	tab, cancel := context.WithTimeout(tab, c.cfg.timeout)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	w := newWatcher(c.cfg.requests)
	if err := c.prepare(tab, v, w); err != nil {
		return nil, err
	}
	if err := openPage(tab, v.url, c.cfg.timeout/2, w); err != nil {
		return nil, fmt.Errorf("open %s: %w", v.url, errors.Join(err, ctx.Err()))
	}
	p, err := readPage(tab, v.ask)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.url, err)
	}
	w.report(p)
	return p, nil
}

// prepare makes a tab ready for a visit.
func (c *chrome) prepare(tab context.Context, v chromeVisit, w *watcher) error {
	if err := chromedp.Listen(tab, w.see); err != nil {
		return fmt.Errorf("watch the tab: %w", err)
	}
	_, err := chromedp.Call(tab, network.Enable, network.EnableParams{})
	if err == nil && len(v.headers) > 0 {
		headers := network.Headers{}
		for name, value := range v.headers {
			headers[name] = value
		}
		_, err = chromedp.Call(tab, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers})
	}
	if err == nil && len(v.cookies) > 0 {
		_, err = chromedp.Call(tab, network.SetCookies, network.SetCookiesParams{Cookies: cookieParams(v)})
	}
	scripts := []string{v.script}
	if err == nil && v.setters {
		_, err = chromedp.Call(tab, runtime.AddBinding, runtime.AddBindingParams{Name: setterBinding})
		scripts = append(scripts, setterScript)
	}
	for _, script := range scripts {
		if err == nil && script != "" {
			_, err = chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument,
				page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		}
	}
	if err != nil {
		return fmt.Errorf("make the tab ready: %w", err)
	}
	return nil
}

// openPage goes to a page and waits until it is at rest, at most for as long as is left for it.
func openPage(tab context.Context, url string, left time.Duration, w *watcher) error {
	answer, err := chromedp.Call(tab, page.Navigate, page.NavigateParams{URL: url})
	switch {
	case err != nil:
		return err
	case answer.ErrorText != "":
		return errors.New(strings.TrimPrefix(answer.ErrorText, "net::"))
	}
	until, cancel := context.WithTimeout(tab, left)
	defer cancel()
	for {
		if w.awaitRest(until, left); w.isCut() {
			break
		}
		if _, err = chromedp.Run(until, chromedp.Evaluate[bool](idle, chromedp.EvalAwaitPromise)); err == nil {
			return nil
		}
		if until.Err() != nil {
			w.stop()
			break
		} // else the page has gone on to another meanwhile
	}
	_, err = chromedp.Call(tab, page.StopLoading, cdp.Empty{})
	return err
}

// idle is fulfilled once the page's own scripts have nothing to do, which says more than a quiet network: what hydrates a
// page works after its last answer. One that never rests is waited for as long.
const idle = `new Promise((done) => {
	const rest = (then) => requestIdleCallback(then, { timeout: 2000 })
	try { rest(() => rest(() => done(true))) } catch { done(true) }
})`

// readPage asks the page, and looks at where it is and what it has stored.
func readPage(tab context.Context, ask []string) (p *chromePage, err error) {
	p = &chromePage{}
	for _, expression := range ask {
		answer, err := chromedp.Run(tab, chromedp.Evaluate[json.RawMessage](expression, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
		if err != nil && !errors.Is(err, chromedp.ErrJSUndefined) && !errors.Is(err, chromedp.ErrJSNull) {
			return nil, fmt.Errorf("ask %.60q: %w", expression, err)
		}
		p.Answers = append(p.Answers, answer)
	}
	frames, err := chromedp.Call(tab, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	p.URL = frames.FrameTree.Frame.URL
	if p.Cookies, err = readCookies(tab); err != nil {
		return nil, err
	}
	p.Stored = readStored(tab, frames.FrameTree)
	return p, nil
}
