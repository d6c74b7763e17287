package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const testToken = "0123456789abcdef0123456789abcdef"

type fakeMetrics string

func (f fakeMetrics) WriteMetrics(w io.Writer) { _, _ = io.WriteString(w, string(f)) }

func newAPI(token string, checks ...check) *api {
	answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") })
	return &api{token: token, answers: answers, checks: checks, metrics: []metricsWriter{fakeMetrics("a 1\n"), fakeMetrics("b 2\n")}}
}

func ask(handler http.Handler, host, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

func TestGuard(t *testing.T) {
	f := func(handler http.Handler, host, path, authorization string, want int) {
		t.Helper()
		if got := ask(handler, host, path, authorization); got.Code != want {
			t.Errorf("GET %s as %s with %q = %d, want %d", path, host, authorization, got.Code, want)
		}
	}
	open := newAPI("").public()
	f(open, "127.0.0.1:8082", "/api/v1/sites", "", 200)
	f(open, "localhost:8082", "/metrics", "", 200)
	f(open, "[::1]:8082", "/metrics", "", 200)
	f(open, "rebound.example:8082", "/api/v1/sites", "", 403)
	f(open, "rebound.example", "/metrics", "", 403)
	f(open, "10.0.0.1", "/livez", "", 200)

	closed := newAPI(testToken).public()
	f(closed, "heed.example", "/api/v1/sites", "Bearer "+testToken, 200)
	f(closed, "heed.example", "/metrics", "Bearer "+testToken, 200)
	f(closed, "heed.example", "/livez", "", 200)
	f(closed, "heed.example", "/readyz", "", 200)
	f(closed, "127.0.0.1", "/api/v1/sites", "", 401)
	f(closed, "127.0.0.1", "/metrics", "Bearer "+testToken+"x", 401)
	f(closed, "127.0.0.1", "/metrics", "Basic "+testToken, 401)
	f(closed, "127.0.0.1", "/nowhere", "", 404)

	f(newAPI(testToken).private(), "heed", "/api/v1/sites", "", 200)
}

func TestReady(t *testing.T) {
	good := check{"log", func(context.Context) error { return nil }}
	bad := check{"store", func(context.Context) error { return errors.New("it is away") }}
	f := func(want int, wantText string, checks ...check) {
		t.Helper()
		got := ask(newAPI("", checks...).public(), "localhost", "/readyz", "")
		if got.Code != want || !strings.Contains(got.Body.String(), wantText) {
			t.Errorf("GET /readyz = %d %s, want %d with %s", got.Code, got.Body, want, wantText)
		}
	}
	f(200, `"ready":true`, good)
	f(503, `"store":"it is away"`, good, bad)
}

func TestMetrics(t *testing.T) {
	got := ask(newAPI("").public(), "localhost", "/metrics", "").Body.String()
	for _, want := range []string{"a 1\n", "b 2\n", "process_resident_memory_bytes"} {
		if !strings.Contains(got, want) {
			t.Errorf("GET /metrics lacks %q", want)
		}
	}
}
