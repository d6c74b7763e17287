package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"heed/schemas"
)

// api serves questions, health and metrics.
type api struct {
	token   string       // what clients must send; empty: none, and then only this machine is answered
	answers http.Handler // /api/v1/
	checks  []check
	metrics []metricsWriter
	letters http.Handler // questions about dead letters, on the socket alone; nil: none
	schema  http.Handler // what is wrong with the store, on the socket alone; nil: none
	consent http.Handler // questions about consent records, on the socket alone; nil: none
	stock   http.Handler // what pages have reported, on the socket alone; nil: none
	walls   http.Handler // the emergency switch, on the socket alone; nil: none
}

// check is one thing that must work for the process to be ready. Its error is shown to whoever asks.
type check struct {
	name string
	run  func(context.Context) error
}

// metricsWriter is a component with metrics of its own.
type metricsWriter interface{ WriteMetrics(w io.Writer) }

// checkTimeout bounds all checks of one /readyz.
const checkTimeout = 2 * time.Second

// public is what the API listener serves.
func (a *api) public() http.Handler { return a.handler(a.guard) }

// private is what the socket serves: its file mode says who may ask.
func (a *api) private() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.handler(func(next http.Handler) http.Handler { return next }))
	if a.letters != nil {
		mux.Handle("POST "+lettersPath, a.letters)
	}
	if a.schema != nil {
		mux.Handle("GET "+storeCheckPath, a.schema)
	}
	if a.consent != nil {
		mux.Handle("POST "+consentPath, a.consent)
	}
	if a.walls != nil {
		mux.Handle("POST "+wallPath, a.walls)
	}
	if a.stock != nil {
		mux.Handle("GET "+inventoryPath, a.stock)
	}
	return mux
}

func (a *api) handler(guard func(http.Handler) http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", guard(a.answers))
	mux.Handle("/metrics", guard(http.HandlerFunc(a.serveMetrics)))
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]bool{"live": true})
	})
	mux.HandleFunc("/readyz", a.serveReady)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, schemas.NotFound, "nothing is served here; there are /api/v1/, /metrics, /livez and /readyz")
	})
	return mux
}

// guard asks for the token. Without one only requests that name this machine pass: a page of a stranger could
// otherwise have its own name resolve to 127.0.0.1 and read the answers.
func (a *api) guard(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(a.token)) // equal lengths, so that the comparison tells nothing
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.token == "" {
			if !namesLoopback(r.Host) {
				writeError(w, http.StatusForbidden, schemas.ForeignOrigin, "without api.token this is answered only as 127.0.0.1 or localhost")
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, http.StatusUnauthorized, schemas.Unauthorized, "send Authorization: Bearer and the api.token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func namesLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}

// serveReady answers 200 when every check passes, else 503 with what failed.
func (a *api) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status, results := http.StatusOK, map[string]string{}
	for _, c := range a.checks {
		results[c.name] = "ok"
		if err := c.run(ctx); err != nil {
			results[c.name] = err.Error()
			status = http.StatusServiceUnavailable
		}
	}
	writeJSON(w, status, map[string]any{"ready": status == http.StatusOK, "checks": results})
}

// serveMetrics joins the metrics of all components.
func (a *api) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, component := range a.metrics {
		component.WriteMetrics(w)
	}
	metrics.WriteProcessMetrics(w)
}

func writeError(w http.ResponseWriter, status int, code schemas.Code, message string) {
	writeJSON(w, status, &schemas.Error{Code: code, Message: message})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever hung up needs no answer
}

// noAnswers stands where a role has none.
func noAnswers(message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, schemas.NotFound, message)
	})
}

// writeLabelled writes a component's metrics with one more label on each, so that those of several can stand together.
func writeLabelled(w io.Writer, component metricsWriter, label string) {
	var text bytes.Buffer
	component.WriteMetrics(&text)
	for line := range strings.Lines(text.String()) {
		end := strings.IndexAny(line, "{ ") // a label may hold spaces
		if end < 0 {
			continue
		}
		if rest := line[end:]; rest[0] == '{' {
			fmt.Fprintf(w, "%s{%s,%s", line[:end], label, rest[1:])
		} else {
			fmt.Fprintf(w, "%s{%s}%s", line[:end], label, rest)
		}
	}
}

// demoNumbers answers the demo's question for today in the visitor's time zone.
func demoNumbers(answers http.Handler, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		zone, err := time.LoadLocation(r.URL.Query().Get("tz"))
		if err != nil {
			zone = time.UTC
		}
		question := r.Clone(r.Context())
		query := question.URL.Query()
		query.Set("from", now().In(zone).Format(time.DateOnly))
		question.URL.Path, question.URL.RawPath = "/api/v1/sites/"+demoSite+"/stats", ""
		question.URL.RawQuery = query.Encode()
		answers.ServeHTTP(w, question)
	})
}
