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
	setter map[string]string // of cookies, by name: what has set them last
}

func newWatcher(limit int) *watcher {
	return &watcher{
		limit: limit, stirs: make(chan struct{}, 1), setter: map[string]string{},
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

// setByAnswer notes whose answer sets which cookies.
func (w *watcher) setByAnswer(event *network.EventResponseReceivedExtraInfo) {
	r := w.all[event.RequestID]
	for name, value := range event.Headers {
		if r == nil || !strings.EqualFold(name, "Set-Cookie") {
			continue
		}
		for line := range strings.Lines(fmt.Sprint(value)) {
			name, _, _ := strings.Cut(line, "=")
			w.setter[strings.TrimSpace(name)] = r.URL
		}
	}
}

// setByScript notes which script sets a cookie, as setterScript tells it.
func (w *watcher) setByScript(event *runtime.EventBindingCalled) {
	var seen struct{ Name, By string }
	if event.Name == setterBinding && json.Unmarshal([]byte(event.Payload), &seen) == nil {
		w.setter[seen.Name] = seen.By
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
		p.Cookies[i].Setter = w.setter[p.Cookies[i].Name]
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
