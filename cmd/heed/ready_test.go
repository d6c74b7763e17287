package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// askReady runs heed ready against an API whose only check ends with failure.
func askReady(t *testing.T, failure error) (status int, output string) {
	t.Helper()
	a := &api{checks: []check{{"store", func(context.Context) error { return failure }}}}
	server := httptest.NewServer(a.public())
	defer server.Close()
	var out bytes.Buffer
	p := &program{getenv: func(string) string { return "" }, stdin: os.Stdin, stdout: &out, stderr: &out, now: time.Now}
	status = p.run(t.Context(), []string{"ready", "--api.address", strings.TrimPrefix(server.URL, "http://")})
	return status, out.String()
}

func TestReadySuccess(t *testing.T) {
	if status, output := askReady(t, nil); status != exitOK || output != "ready\n" {
		t.Errorf("heed ready = %d, %q, want 0, ready", status, output)
	}
}

func TestReadyFailure(t *testing.T) {
	status, output := askReady(t, errors.New("ClickHouse does not answer"))
	if want := "not ready: store: ClickHouse does not answer"; status != exitError || !strings.Contains(output, want) {
		t.Errorf("heed ready = %d, %q, want 1, %q", status, output, want)
	}
}

func TestReadyNobodyThere(t *testing.T) {
	var out bytes.Buffer
	p := &program{getenv: func(string) string { return "" }, stdin: os.Stdin, stdout: &out, stderr: &out, now: time.Now}
	if status := p.run(t.Context(), []string{"ready", "--api.address", freeAddress(t)}); status != exitError {
		t.Errorf("heed ready with nobody there = %d, want 1: %s", status, &out)
	}
}

func TestLocalAddress(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := localAddress(in); got != want {
			t.Errorf("localAddress(%q) = %q, want %q", in, got, want)
		}
	}
	f("0.0.0.0:8082", "127.0.0.1:8082")
	f(":8082", "127.0.0.1:8082")
	f("[::]:8082", "127.0.0.1:8082")
	f("10.0.0.7:8082", "10.0.0.7:8082")
	f("localhost:8082", "localhost:8082")
}
