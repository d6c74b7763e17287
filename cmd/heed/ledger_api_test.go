package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/schemas"
)

// idleLoader has brought three events to their ends.
type idleLoader struct{}

func (idleLoader) Oldest() (time.Time, bool) { return time.Time{}, false }
func (idleLoader) Progress() *load.Progress {
	return &load.Progress{Since: time.Unix(1e9, 0), Sites: map[string]load.Ends{"demo": {Stored: 2, Duplicates: 1}}}
}

func TestLedgerAnswers(t *testing.T) {
	accounts, err := ledger.Open(ledger.Config{Dir: t.TempDir(), Sites: []string{"demo", "shop"}, Now: func() time.Time { return time.Unix(1e9, 0) }},
		ledger.Sources{Loader: idleLoader{}, Rejected: func() ledger.Counts { return ledger.Counts{"demo": {schemas.NoConsent: 4}} }},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	all := func(context.Context) ([]ledger.Account, error) { return accounts.Accounts(), nil }
	handler := withLedger(all, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "handed on") }))
	f := func(method, target string, status int, text string) {
		t.Helper()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(method, target, nil))
		if answer.Code != status || !strings.Contains(answer.Body.String(), text) {
			t.Errorf("%s %s = %d %s, want %d with %s", method, target, answer.Code, answer.Body, status, text)
		}
	}
	const demo = `{"site":"demo","since":"2001-09-09T01:46:40Z","arrived":7,"rejected":{"total":4,"codes":{"no_consent":4}},` +
		`"accepted":{"total":3,"stored":2,"duplicate":1,"withdrawn":0,"dead_lettered":0,"pending":0}}`
	f("GET", "/api/v1/sites/demo/ledger", 200, demo)
	f("GET", "/api/v1/ledger", 200, `{"sites":[`+demo+`,{"site":"shop",`)
	f("GET", "/api/v1/sites/shop/ledger", 200, `"arrived":0,"rejected":{"total":0,"codes":{}}`)
	f("GET", "/api/v1/sites/none/ledger", 404, `"code":"unknown_site"`)
	f("GET", "/api/v1/ledger?site=demo", 400, `"code":"invalid_parameter"`)
	f("POST", "/api/v1/ledger", 405, `"code":"method_not_allowed"`)
	f("GET", "/api/v1/sites/demo/stats", 200, "handed on")
	f("GET", "/api/v1/", 200, "handed on")
}
