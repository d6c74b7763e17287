package analytics

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"heed/schemas"
)

// askTimeout bounds one request. The engine's own limit on a statement (queries/settings.sql) is lower, so that it is
// the one to act; this one also bounds the wait for a connection.
const askTimeout = 20 * time.Second

// Handler serves the API under /api/v1/. README.md documents it. Who may ask is not its business: whoever mounts it
// decides.
func (a *Analytics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/sites", a.read(a.serveSites))
	mux.HandleFunc("/api/v1/sites/{site}/{section}", a.read(a.serveSection))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &schemas.Error{
			Code:    schemas.NotFound,
			Message: "nothing is served here; there are /api/v1/sites and /api/v1/sites/<id>/stats",
		})
	})
	return mux
}

// read lets GET and HEAD through, bounds the time, and answers with what serve returns.
func (a *Analytics) read(serve func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			a.fail(w, r, &schemas.Error{Code: schemas.MethodNotAllowed, Message: "only GET and HEAD; this API only reads"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		document, err := serve(r.WithContext(ctx))
		if err != nil {
			a.fail(w, r, err)
			return
		}
		write(w, http.StatusOK, document)
	}
}

// serveSites answers with the ids of the configured sites.
func (a *Analytics) serveSites(r *http.Request) (any, error) {
	if r.URL.RawQuery != "" {
		return nil, invalid("", "the list of sites takes no parameters")
	}
	return struct {
		Sites []string `json:"sites"`
	}{append([]string{}, a.names...)}, nil
}

// serveSection answers a question about a site: one section, or all of them under the name of stats.
func (a *Analytics) serveSection(r *http.Request) (any, error) {
	asked := sections
	if name := r.PathValue("section"); name != "stats" {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, &schemas.Error{Code: schemas.NotFound, Message: "no such section; there are stats, " + sectionNames()}
		}
		asked = sections[i : i+1]
	}
	site := r.PathValue("site")
	if !a.sites[site] {
		return nil, unknownSite()
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "the part after the ? is not well formed; every name and value must be percent-encoded")
	}
	q, err := ParseQuery(site, values, a.now())
	if err != nil {
		return nil, err
	}
	return a.compose(r.Context(), q, asked)
}

// sectionNames lists them for a message.
func sectionNames() string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// unknownSite does not repeat the id: whatever was asked for is not a name of ours.
func unknownSite() error {
	return &schemas.Error{Code: schemas.UnknownSite, Message: "no site with this id is configured; /api/v1/sites lists them"}
}
