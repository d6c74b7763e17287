package collector_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heed/collector"
)

// serveOn lets the edge answer on one more listener.
func (e *edge) serveOn(ln net.Listener) {
	served := make(chan error, 1)
	go func() { served <- e.c.Serve(ln) }()
	e.t.Cleanup(func() {
		e.stop()
		if err := <-served; err != nil {
			e.t.Errorf("Serve on %s: %v", ln.Addr(), err)
		}
	})
}

// A client that says nothing while it should shake hands is turned away at the limit of connections like any other:
// whoever accepts does not wait for it.
func TestSilentClientsDoNotStopAccepting(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{Connections: 1}})
	borrowed := httptest.NewTLSServer(nil)
	certificates := borrowed.TLS.Certificates
	borrowed.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates})
	if err != nil {
		t.Fatal(err)
	}
	e.serveOn(ln)
	first, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for range 2 {
		silent, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		silent.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read of a silent client = %v, want that it is turned away", err)
		}
	}
}

// A proxy on this machine that comes through a unix socket is 127.0.0.1: believed where that is trusted.
func TestUnixPeersAreThisMachine(t *testing.T) {
	e := start(t, collector.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	path := filepath.Join(t.TempDir(), "heed.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	e.serveOn(ln)
	request, err := http.NewRequest(http.MethodPost, "http://heed/h/k1/ordinary", strings.NewReader(encode(t, batch(asIs))))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "text/plain", "Origin": siteOrigin, "X-Forwarded-For": zurichIP} {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatalf("POST through the socket = %s, want 202", answer.Status)
	}
	transport.CloseIdleConnections()
	if got := e.stored(); len(got) != 1 || got[0].Country != "CH" {
		t.Errorf("stored = %v, want one event from CH", got)
	}
}
