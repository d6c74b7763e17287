package snippet

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"heed/consent"
	"heed/schemas"
)

// hostile is a shop whose pages ask hosts of others for all that a page can ask for. Every host is a name under .localhost, which each
// engine finds on this machine and takes for a registrable domain of its own: shop is the site, heed its collector, stats and ads are declared,
// tracker is not. All are served over HTTPS at one port. What arrived at whom is kept per run, a name that a test makes up.
type hostile struct {
	t *testing.T
	*stand
	hosts   *httptest.Server // all of them, over HTTPS
	control *httptest.Server // what arrived, and what a driver saw

	runsMu sync.Mutex
	runs   map[string]*hostileRun

	tagsMu sync.Mutex
	tags   map[string]string // by key of the site
}

// hostileRun is what one visit of a page led to.
type hostileRun struct {
	Arrived map[string]int `json:"arrived"` // requests by kind that hosts of others were sent
	Own     map[string]int `json:"own"`     // the same of the shop's own host: once they are there, so would be the others
	Cookies map[string]int `json:"cookies"` // cookies that came along to hosts of others, by name
	Jar     map[string]int `json:"jar"`     // those that still did, on a page without a wall, after the visit
	Seen    hostileSeen    `json:"-"`

	changed chan struct{} // closed and replaced with each arrival
}

// hostileSeen is what a driver saw of a run: which kinds of script ran, and what the browser keeps for the shop.
type hostileSeen struct {
	Ran    []string `json:"ran"`
	Stored []string `json:"stored"`
}

func newHostile(t *testing.T) *hostile {
	h := &hostile{t: t, stand: newStand(t), runs: map[string]*hostileRun{}, tags: map[string]string{}}
	h.hosts = httptest.NewUnstartedServer(http.HandlerFunc(h.host))
	h.hosts.Config.ErrorLog = quietLog() // browsers break off connections whose certificate they first have to forgive
	h.hosts.StartTLS()
	t.Cleanup(h.hosts.Close)
	h.origin, h.adapt = h.at("heed"), h.shop
	control := http.NewServeMux()
	control.HandleFunc("GET /runs/{run}", h.report)
	control.HandleFunc("POST /runs/{run}", h.see)
	h.control = httptest.NewServer(control)
	t.Cleanup(h.control.Close)
	return h
}

// at returns the origin of a host.
func (h *hostile) at(host string) string {
	_, port, _ := net.SplitHostPort(h.hosts.Listener.Addr().String())
	return "https://" + host + ".localhost:" + port
}

// shop gives a site the wall that its key begins with: "sealed", "header-csp".
func (h *hostile) shop(s *Site) {
	strength, _, _ := strings.Cut(s.Key, "-")
	s.CookieDomain = "shop.localhost"
	if strings.HasSuffix(s.Key, "-away") { // nobody listens at port 1
		s.Endpoint = "https://heed.localhost:1/h/" + s.Key
	}
	s.Wall = Wall{Strength: schemas.Wall(strength), Services: []Service{
		{ID: "shop", Category: consent.Essential, Stores: []string{"cart*"}},
		{ID: "stats", Category: consent.Performance, Hosts: []string{h.at("stats")}, Marked: true, Stores: []string{"_st*"}},
		{ID: "ads", Category: consent.Advertising, Hosts: []string{h.at("ads")}, Stores: []string{"_ad*", "*/ads-sw.js"}},
	}}
}

func (h *hostile) host(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ".")
	switch host {
	case "shop":
		h.serveShop(w, r)
	case "heed":
		h.collector.Config.Handler.ServeHTTP(w, r)
	default:
		h.serveOther(w, r)
	}
}

// fail says why there is no answer, to whoever asks and to whoever reads the test's output.
func (h *hostile) fail(w http.ResponseWriter, err error) {
	h.t.Error(err)
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// run returns what is kept of a run.
func (h *hostile) run(name string) *hostileRun {
	if h.runs[name] == nil {
		h.runs[name] = &hostileRun{Arrived: map[string]int{}, Own: map[string]int{}, Cookies: map[string]int{}, Jar: map[string]int{}, changed: make(chan struct{})}
	}
	return h.runs[name]
}

// change changes what is kept of a run, and wakes who waits for it.
func (h *hostile) change(name string, change func(*hostileRun)) {
	h.runsMu.Lock()
	defer h.runsMu.Unlock()
	run := h.run(name)
	change(run)
	close(run.changed)
	run.changed = make(chan struct{})
}

// await waits until what is kept of a run is enough, and at most a while. Returns it as JSON.
func (h *hostile) await(ctx context.Context, name string, enough func(*hostileRun) bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pollFor)
	defer cancel()
	for {
		h.runsMu.Lock()
		run := h.run(name)
		changed, done := run.changed, enough(run) || ctx.Err() != nil
		text, err := json.Marshal(run)
		h.runsMu.Unlock()
		if done || err != nil {
			return text, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// report answers what a run led to as soon as ?arrived kinds and ?own kinds are there, or what there is after a while.
func (h *hostile) report(w http.ResponseWriter, r *http.Request) {
	arrived, _ := strconv.Atoi(r.URL.Query().Get("arrived"))
	own, _ := strconv.Atoi(r.URL.Query().Get("own"))
	text, err := h.await(r.Context(), r.PathValue("run"), func(run *hostileRun) bool {
		return len(run.Arrived) >= arrived && len(run.Own) >= own
	})
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Write(text)
}

// see takes what a driver saw.
func (h *hostile) see(w http.ResponseWriter, r *http.Request) {
	var seen hostileSeen
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&seen); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.change(r.PathValue("run"), func(run *hostileRun) { run.Seen = seen })
}

// TestHostile visits the shop in each engine under each strength, and then holds what arrived and what ran against what the wall promises.
func TestHostile(t *testing.T) {
	t.Parallel()
	needNode(t)
	h := newHostile(t)
	for _, strength := range []string{"off", "tag", "sealed", "header", "sealed-away"} { // no driver's patience is for builds
		site, err := h.site(strength)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.tag(site.site); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("engines", func(t *testing.T) {
		for engine, programs := range engines {
			t.Run(engine, func(t *testing.T) {
				t.Parallel()
				for _, program := range programs {
					if _, err := exec.LookPath(program); err != nil {
						t.Fatalf("%v: the wall is proved in real browsers; make browser installs them", err)
					}
				}
				runNode(t, filepath.Join("test", "wall", "all.mjs"), "HEED_ENGINE="+engine,
					"HEED_SHOP="+h.at("shop"), "HEED_TRACKER="+h.at("tracker"), "HEED_COLLECTOR="+h.collector.URL, "HEED_CONTROL="+h.control.URL)
			})
		}
	})
	h.check(t)
}
