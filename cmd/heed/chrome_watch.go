package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// maxConsoleLines is how much of what a page logs is kept.
const maxConsoleLines = 500

// watcher remembers what a tab does. see is called by the tab's goroutine.
type watcher struct {
	limit  int
	stirs  chan struct{} // a request began or ended; room for one
	mu     sync.Mutex
	order  []network.RequestID
	all    map[network.RequestID]*chromeRequest
	open   map[network.RequestID]bool // not ended yet, those apart that never end by themselves
	cut    bool
	status int
	header map[string]string
	lines  []string
	setter map[setCookie]setBy // what has set cookies last
	sets   int
}

// setCookie is a cookie as it is set: its name, and the host whose answer or page did it.
type setCookie struct{ name, host string }

// setBy is the URL of what set a cookie, and when that was, counted in cookies.
type setBy struct {
	url string
	at  int
}

// maxSetCookies is of how many cookies the setter is kept.
const maxSetCookies = 5000

func newWatcher(limit int) *watcher {
	return &watcher{
		limit: limit, stirs: make(chan struct{}, 1), setter: map[setCookie]setBy{},
		all: map[network.RequestID]*chromeRequest{}, open: map[network.RequestID]bool{},
	}
}

func (w *watcher) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		w.begin(event)
	case *network.EventWebSocketCreated:
		w.add(event.RequestID, chromeRequest{URL: event.URL, Type: string(network.ResourceTypeWebSocket)})
	case *network.EventResponseReceived:
		w.answer(event)
	case *network.EventResponseReceivedExtraInfo:
		w.setByAnswer(event)
	case *network.EventLoadingFinished:
		delete(w.open, event.RequestID)
	case *network.EventLoadingFailed:
		w.fail(event)
	case *runtime.EventConsoleAPICalled:
		w.say(string(event.Type) + ": " + textOf(event.Args))
	case *runtime.EventExceptionThrown:
		w.say("exception: " + event.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		w.say(string(event.Entry.Level) + ": " + event.Entry.Text)
	case *runtime.EventBindingCalled:
		w.setByScript(event)
	default:
		return
	}
	select {
	case w.stirs <- struct{}{}:
	default:
	}
}

// begin notes a request. One that was redirected comes again under its id, and is another one to us.
func (w *watcher) begin(event *network.EventRequestWillBeSent) {
	id := event.RequestID
	if event.RedirectResponse != nil {
		if before := w.all[id]; before != nil {
			before.Status = int(event.RedirectResponse.Status)
			moved := network.RequestID(fmt.Sprintf("%s#%d", id, len(w.order)))
			w.all[moved] = before
			for i := range w.order {
				if w.order[i] == id {
					w.order[i] = moved
				}
			}
		}
	}
	from := event.DocumentURL
	if event.Initiator != nil {
		from = cmp.Or(event.Initiator.URL, topOf(event.Initiator.Stack), from)
	}
	w.add(id, chromeRequest{URL: event.Request.URL, Type: string(event.Type), From: from})
	if event.Type != network.ResourceTypeEventSource {
		w.open[id] = true
	}
}

func (w *watcher) add(id network.RequestID, r chromeRequest) {
	if len(w.order) >= w.limit {
		w.cut = true
		return
	}
	w.order = append(w.order, id)
	w.all[id] = &r
}

func (w *watcher) answer(event *network.EventResponseReceived) {
	if r := w.all[event.RequestID]; r != nil {
		r.Status = int(event.Response.Status)
	}
	if event.Type == network.ResourceTypeDocument && w.header == nil { // the first document is the page's own
		w.status, w.header = int(event.Response.Status), map[string]string{}
		for name, value := range event.Response.Headers {
			w.header[strings.ToLower(name)] = fmt.Sprint(value)
		}
	}
}

func (w *watcher) fail(event *network.EventLoadingFailed) {
	delete(w.open, event.RequestID)
	if r := w.all[event.RequestID]; r != nil {
		r.Blocked, r.Failed = string(event.BlockedReason), event.ErrorText
	}
}

func (w *watcher) say(line string) {
	if len(w.lines) < maxConsoleLines {
		w.lines = append(w.lines, line)
	}
}

// set notes what sets a cookie.
func (w *watcher) set(name, host, url string) {
	if w.sets++; len(w.setter) < maxSetCookies {
		w.setter[setCookie{strings.TrimSpace(name), host}] = setBy{url, w.sets}
	}
}

// setterOf is the URL of what set a cookie last, on the host that it belongs to or on one below.
func (w *watcher) setterOf(c chromeCookie) string {
	domain := strings.TrimPrefix(c.Domain, ".")
	var last setBy
	for set, by := range w.setter {
		if set.name == c.Name && (set.host == domain || strings.HasSuffix(set.host, "."+domain)) && by.at > last.at {
			last = by
		}
	}
	return last.url
}

// setByAnswer notes whose answer sets which cookies, those apart that the browser refuses.
func (w *watcher) setByAnswer(event *network.EventResponseReceivedExtraInfo) {
	r := w.all[event.RequestID]
	blocked := map[string]bool{}
	for _, b := range event.BlockedCookies {
		blocked[b.CookieLine] = true
	}
	for name, value := range event.Headers {
		if r == nil || !strings.EqualFold(name, "Set-Cookie") {
			continue
		}
		for line := range strings.Lines(fmt.Sprint(value)) {
			if line = strings.TrimSuffix(line, "\n"); !blocked[line] {
				name, _, _ := strings.Cut(line, "=")
				w.set(name, hostOf(r.URL), r.URL)
			}
		}
	}
}

// setByScript notes which script sets a cookie, as setterScript tells it.
func (w *watcher) setByScript(event *runtime.EventBindingCalled) {
	var seen struct{ Name, Host, By string }
	if event.Name == setterBinding && json.Unmarshal([]byte(event.Payload), &seen) == nil {
		w.set(seen.Name, seen.Host, seen.By)
	}
}

// awaitRest waits until the page has asked for nothing for a while and every answer is there, at most for as long as given.
func (w *watcher) awaitRest(ctx context.Context, atMost time.Duration) {
	late := time.NewTimer(atMost)
	defer late.Stop()
	for {
		quiet := time.NewTimer(pageRest)
		select {
		case <-w.stirs:
		case <-quiet.C:
			if w.isQuiet() {
				return
			}
		case <-late.C:
			w.stop()
		case <-ctx.Done():
			w.stop()
		}
		quiet.Stop()
		if w.isCut() {
			return
		}
	}
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *watcher) isQuiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open) == 0
}

func (w *watcher) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// report adds what was seen to a page.
func (w *watcher) report(p *chromePage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.order {
		p.Requests = append(p.Requests, *w.all[id])
	}
	for i := range p.Cookies {
		p.Cookies[i].Setter = w.setterOf(p.Cookies[i])
	}
	p.Status, p.Header, p.Console, p.Cut = w.status, w.header, w.lines, w.cut
}

// topOf returns the URL of the script that is on top of a stack.
func topOf(stack *runtime.StackTrace) string {
	for ; stack != nil; stack = stack.Parent {
		for _, frame := range stack.CallFrames {
			if frame.URL != "" {
				return frame.URL
			}
		}
	}
	return ""
}

// textOf joins what a console call was given.
func textOf(args []*runtime.RemoteObject) string {
	var words []string
	for _, arg := range args {
		text := arg.Description
		if len(arg.Value) > 0 {
			text = strings.Trim(string(arg.Value), `"`)
		}
		words = append(words, text)
	}
	return strings.Join(words, " ")
}
