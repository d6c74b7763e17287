package snippet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/schemas"
)

// stand plays the two servers that a browser test needs: the site, and on another origin the collector. Every site key
// that a test makes up is a site of its own; keys that begin with "anonymous" and "hash" switch those on. What the
// collector was sent is kept for GET /control/<key>/events/batches, or /told/batches where it tells of a choice; POST
// /control/<key>/events/answers and /told/answers set its next answers.
type stand struct {
	pages, collector, other *httptest.Server
	// What pages are told of the collector's address, "" for that of collector; and what a test changes of a site before it is built.
	origin string
	adapt  func(*Site)

	mu    sync.Mutex
	sites map[string]*standSite
}

type standSite struct {
	site    Site
	bundle  Bundle
	before  string // script that pages run before all others
	place   string // where the collector sees its visitors, as US-CA; "" for an unknown place
	notices map[string][]byte
	asserts consent.Site
	events  standLane // batches of events
	told    standLane // batches that tell of a choice
}

// standLane is what arrived of one kind, and what is to be answered to it.
type standLane struct {
	answers []standAnswer
	batches []standBatch
	arrived chan struct{} // closed and replaced with each batch
}

func newStandLane() standLane {
	return standLane{batches: []standBatch{}, arrived: make(chan struct{})}
}

// lane returns the lane of that name in a path of the control.
func (s *standSite) lane(name string) *standLane {
	if name == "told" {
		return &s.told
	}
	return &s.events
}

// standAnswer is what the collector shall do with a batch instead of storing it.
type standAnswer struct {
	Status     int    `json:"status"`
	RetryAfter string `json:"retryAfter"`
	DelayMs    int    `json:"delayMs"`
}

type standBatch struct {
	Lane        string          `json:"lane"`
	Status      int             `json:"status"`
	ContentType string          `json:"contentType"`
	Cookie      string          `json:"cookie"`
	At          int64           `json:"at"` // ms
	Body        json.RawMessage `json:"body"`
}

const (
	standNotice = "0a1b2c3d"
	pollFor     = 30 * time.Second
)

var standSealKey = []byte("a key that seals only in this test")

func newStand(t *testing.T) *stand {
	s := &stand{sites: map[string]*standSite{}}
	collector := http.NewServeMux()
	collector.HandleFunc("POST /h/{key}/{lane}", s.receive)
	collector.HandleFunc("GET /h/{key}/{asset}", s.asset)
	collector.HandleFunc("GET /control/{key}/{lane}/batches", s.report)
	collector.HandleFunc("POST /control/{key}/{lane}/answers", s.script)
	collector.HandleFunc("POST /control/{key}/before", s.setBefore)
	collector.HandleFunc("POST /control/{key}/place", s.setPlace)
	s.collector = httptest.NewServer(collector)
	t.Cleanup(s.collector.Close)
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{key}/{path...}", s.page)
	pages.HandleFunc("POST /{key}/{path...}", s.page)
	pages.HandleFunc("GET /favicon.ico", http.NotFound)
	s.pages = httptest.NewServer(pages)
	s.startOther()
	t.Cleanup(s.other.Close)
	t.Cleanup(s.pages.Close)
	return s
}

func (s *stand) endpoint(key string) string { return cmp.Or(s.origin, s.collector.URL) + "/h/" + key }

// site finds or builds the site with this key.
func (s *stand) site(key string) (*standSite, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if site := s.sites[key]; site != nil {
		return site, nil
	}
	features := DefaultFeatures()
	features.HashRoutes = strings.HasPrefix(key, "hash")
	anonymous := strings.HasPrefix(key, "anonymous")
	asserts := consent.Site{AnonymousCount: anonymous, Exemption: anonymous, Children: strings.HasPrefix(key, "children")}
	listed, notices := standNotices()
	site := Site{
		Notices: listed,
		ID:      key, Key: key, Endpoint: s.endpoint(key), Notice: standNotice, CookieName: "heed_" + key,
		Asserts: asserts, Features: features,
	}
	if s.adapt != nil {
		s.adapt(&site)
	}
	if rest, walled := strings.CutPrefix(key, "wall-"); walled {
		strength, _, _ := strings.Cut(rest, "-")
		site.Wall = s.standWall(schemas.Wall(strength))
	}
	bundle, err := Build(site)
	if err != nil {
		return nil, err
	}
	s.sites[key] = &standSite{site: site, bundle: bundle, notices: notices, asserts: asserts, events: newStandLane(), told: newStandLane()}
	return s.sites[key], nil
}

// page serves the one page that every site has, at any path. ?twice pastes the tag twice, ?csp forbids all requests.
func (s *stand) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	query := r.URL.Query()
	if query.Has("csp") {
		w.Header().Set("Content-Security-Policy", "connect-src 'none'")
	}
	if query.Has("strict") { // what a careful site allows: our scripts and requests, no inline style, no other script
		w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src 'nonce-n' %s; connect-src %[1]s",
			s.collector.URL))
	}
	if place := query.Get("timing"); place != "" {
		w.Header().Set("Server-Timing", fmt.Sprintf("heed;desc=%q", place))
	}
	before := ""
	if site, err := s.site(r.PathValue("key")); err == nil {
		s.mu.Lock()
		before = site.before
		s.mu.Unlock()
	}
	tag, body := s.tag(r.PathValue("key")), s.body(query.Get("body"))
	if query.Has("twice") {
		tag += tag
	}
	fmt.Fprintf(w, `<!doctype html><title>A page</title><link rel="icon" href="data:,">
<script>%s</script>%s<script>%s</script>
<a href="#choices" data-heed-choices>Choices</a>
<form id="signup" action="thanks">
<input name="id" value="secret-value"><input name="getAttribute"><button>Send</button></form>
<form name="search" action="found"><button>Search</button></form>
<form action="other"><button>Go</button></form>
%s`, before, tag, pageScript, body)
}

// pageScript calls heed before it is there, as a page may.
const pageScript = `
if (location.search.includes('allow')) heed('consent', 'allow')
if (location.search.includes('early')) { heed('consent', 'allow'); heed('event', 'early', {n: 1}) }`

func (s *stand) asset(w http.ResponseWriter, r *http.Request) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Encoding", "br")
	switch r.PathValue("asset") {
	case LoaderName:
		w.Header().Set("Timing-Allow-Origin", "*")
		w.Write(s.loader(w, site))
	case site.bundle.Script.Name():
		w.Write(site.bundle.Script.Brotli)
	case site.bundle.Wall.Name():
		w.Write(site.bundle.Wall.Brotli)
	case site.bundle.WordsName():
		w.Header().Set("Content-Type", "application/json")
		w.Write(site.bundle.Words.Brotli)
	default:
		for _, script := range append(site.bundle.Consents, site.bundle.Banner) {
			if script.Name() == r.PathValue("asset") {
				w.Write(script.Brotli)
				return
			}
		}
		w.Header().Del("Content-Encoding")
		if notice := site.notices[r.PathValue("asset")]; notice != nil {
			w.Header().Set("Content-Type", "application/json")
			w.Write(notice)
			return
		}
		http.NotFound(w, r)
	}
}

// loader returns the loader for the place that the site's visitors are at, and names the place as a collector does.
func (s *stand) loader(w http.ResponseWriter, site *standSite) []byte {
	s.mu.Lock()
	code := site.place
	s.mu.Unlock()
	if code != "" {
		w.Header().Set("Server-Timing", fmt.Sprintf("heed;desc=%q", code))
	}
	country, region, _ := strings.Cut(code, "-")
	place := consent.Place{Country: country, Region: region}
	for _, l := range site.bundle.Loaders {
		if l.Rules == consent.BrowserRules(place, site.asserts) && l.Links == consent.BrowserLinks(place, site.asserts) {
			return l.File.Brotli
		}
	}
	return nil
}

// receive records a batch and answers as the script says, or as a collector that accepts and seals.
func (s *stand) receive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, schemas.MaxBatchBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var batch schemas.Batch
	if err := json.Unmarshal(body, &batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if choice, err := consent.ParseChoice(batch.Choice); err == nil && choice.Grants() && !choice.Sealed && len(batch.Events) > 0 {
		http.Error(w, "events of a grant before its seal", http.StatusBadRequest)
		return
	}
	answer, err := s.record(r, body, batch.Consent != nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if answer.DelayMs > 0 {
		select {
		case <-time.After(time.Duration(answer.DelayMs) * time.Millisecond):
		case <-r.Context().Done():
		}
	}
	if answer.RetryAfter != "" {
		w.Header().Set("Retry-After", answer.RetryAfter)
	}
	w.WriteHeader(answer.Status)
	if sealed := seal(&batch); sealed != "" && answer.Status == http.StatusAccepted {
		json.NewEncoder(w).Encode(schemas.Answer{Accepted: len(batch.Events), Choice: sealed})
	}
}

func (s *stand) record(r *http.Request, body []byte, tells bool) (standAnswer, error) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		return standAnswer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lane := &site.events
	if tells {
		lane = &site.told
	}
	answer := standAnswer{Status: http.StatusAccepted}
	if len(lane.answers) > 0 {
		answer, lane.answers = lane.answers[0], lane.answers[1:]
	}
	lane.batches = append(lane.batches, standBatch{
		Lane: r.PathValue("lane"), Status: answer.Status, ContentType: r.Header.Get("Content-Type"),
		Cookie: r.Header.Get("Cookie"), At: time.Now().UnixMilli(), Body: body,
	})
	close(lane.arrived)
	lane.arrived = make(chan struct{})
	return answer, nil
}

// seal returns what a collector answers to a choice that grants something and comes with its consent event, else "".
func seal(batch *schemas.Batch) string {
	choice, err := consent.ParseChoice(batch.Choice)
	if err != nil || choice.Sealed || batch.Consent == nil {
		return ""
	}
	id, err := uuid.Parse(batch.Consent.ID)
	if sealed := choice.Seal(standSealKey, "stand", id); err == nil && sealed.Sealed {
		return sealed.String()
	}
	return ""
}

// report returns the batches of a site as soon as there are at least ?count, or what there is after a while.
func (s *stand) report(w http.ResponseWriter, r *http.Request) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	count, _ := strconv.Atoi(r.URL.Query().Get("count"))
	deadline := time.After(pollFor)
	for {
		s.mu.Lock()
		lane := site.lane(r.PathValue("lane"))
		batches, arrived := lane.batches, lane.arrived
		s.mu.Unlock()
		if len(batches) >= count {
			json.NewEncoder(w).Encode(batches)
			return
		}
		select {
		case <-arrived:
		case <-deadline:
			count = 0
		case <-r.Context().Done():
			return
		}
	}
}

func (s *stand) script(w http.ResponseWriter, r *http.Request) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&site.lane(r.PathValue("lane")).answers); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// setBefore sets what the pages of a site run before anything else: the signals of a visitor, or what a hostile page does.
func (s *stand) setBefore(w http.ResponseWriter, r *http.Request) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	script, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	site.before = string(script)
}

// setPlace sets where the collector sees the visitors of a site.
func (s *stand) setPlace(w http.ResponseWriter, r *http.Request) {
	site, err := s.site(r.PathValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	place, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	site.place = string(place)
}
