package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"heed/schemas"
	"heed/snippet"
)

// matrixAgent is added to what browsers say of themselves, to be searched for: it may come to rest nowhere.
const matrixAgent = "HeedMatrixProbe/4711"

// matrixPrefix is the collector's, under the site's own origin.
const matrixPrefix = "/m"

// matrixSite is a site and, under the same origin, the proxy that brings its visitors to the collector. From the path of
// a page, /at/engine/place/signal/page, it knows where a visit comes from and which signals its browser sends: the place by
// X-Forwarded-For, signals by header and to scripts, since not every engine can be told to.
type matrixSite struct {
	*httptest.Server
	places map[string]matrixPlace // by code
	proxy  *httputil.ReverseProxy

	mu    sync.Mutex
	taken map[string]bool // path and kind of each event that the collector has taken
	news  chan struct{}   // closed and replaced with each
}

func newMatrixSite(t *testing.T, places []matrixPlace) *matrixSite {
	s := &matrixSite{places: map[string]matrixPlace{}, taken: map[string]bool{}, news: make(chan struct{})}
	for _, place := range places {
		s.places[place.code] = place
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /at/{engine}/{place}/{signal}/{page}", s.page)
	mux.HandleFunc("GET /away", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /forget", s.forget)
	mux.HandleFunc("GET /answered", s.answered)
	mux.HandleFunc(matrixPrefix+"/", s.collect)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// bodyKey is where collect leaves a request's body for note.
type bodyKey struct{}

// toward says where the collector is, once it is there.
func (s *matrixSite) toward(t *testing.T, collector string) {
	target, err := url.Parse(strings.TrimSuffix(collector, matrixPrefix))
	if err != nil {
		t.Fatal(err)
	}
	s.proxy = &httputil.ReverseProxy{ModifyResponse: s.note, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		s.disguise(r.In, r.Out.Header)
	}}
}

// disguise makes a request one from its page's place, with the signals of its page's browser.
func (s *matrixSite) disguise(in *http.Request, out http.Header) {
	out.Set("User-Agent", in.UserAgent()+" "+matrixAgent)
	from, err := url.Parse(in.Referer())
	if err != nil {
		return
	}
	if parts := strings.Split(from.Path, "/"); len(parts) == 6 {
		out.Set("X-Forwarded-For", s.places[parts[3]].address)
		switch parts[4] {
		case "gpc":
			out.Set("Sec-GPC", "1")
		case "dnt":
			out.Set("DNT", "1")
		}
	}
}

// collect is the way to the collector.
func (s *matrixSite) collect(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, schemas.MaxBatchBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bodyKey{}, body)))
}

// note remembers which events the collector has taken.
func (s *matrixSite) note(answer *http.Response) error {
	var batch schemas.Batch
	body, _ := answer.Request.Context().Value(bodyKey{}).([]byte)
	if answer.StatusCode != http.StatusAccepted || json.Unmarshal(body, &batch) != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range batch.Events {
		if page, err := url.Parse(ev.URL); err == nil {
			s.taken[page.Path+" "+string(ev.Kind)] = true
		}
	}
	close(s.news)
	s.news = make(chan struct{})
	return nil
}

// answered waits until the collector has taken an event of ?kind from ?path.
func (s *matrixSite) answered(w http.ResponseWriter, r *http.Request) {
	path, kind := r.FormValue("path"), r.FormValue("kind")
	for deadline := time.After(startTimeout); ; {
		s.mu.Lock()
		taken, news := s.taken[path+" "+kind], s.news
		s.mu.Unlock()
		if taken {
			return
		}
		select {
		case <-news:
		case <-deadline:
			http.Error(w, "never sent, or refused: "+kind, http.StatusGatewayTimeout)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// page serves any page. Its first script gives the signals; the visitor's id is planted where the collector looks for it.
func (s *matrixSite) page(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "heed_v_matrix", Value: matrixVisitor(r.URL.Path), Path: "/", HttpOnly: true})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	signal := map[string]string{
		"gpc": "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })",
		"dnt": "Object.defineProperty(navigator, 'doNotTrack', { value: '1' })",
	}[r.PathValue("signal")]
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><script>%s</script>%s<p>Hello`,
		signal, snippet.Tag(s.URL+matrixPrefix+"/matrix"))
}

// forget takes all cookies.
func (s *matrixSite) forget(w http.ResponseWriter, r *http.Request) {
	for _, cookie := range r.Cookies() {
		http.SetCookie(w, &http.Cookie{Name: cookie.Name, Path: "/", MaxAge: -1})
	}
}

// visitorMark begins every visitor's id, in bytes, so that all can be searched for at once.
const visitorMark = "\xde\xca\xde\xc0\xff\xee\x99"

// matrixVisitor is the visitor's id on a page: each page has its own, so that it is known whose was stored.
func matrixVisitor(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(append([]byte(visitorMark), sum[:16-len(visitorMark)]...))
}
