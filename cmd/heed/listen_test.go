package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The collector answers on each of its addresses: two sockets on one TLS port, and a unix socket without TLS.
func TestServeListensEverywhere(t *testing.T) {
	dir := t.TempDir()
	certificate, key, roots := selfSigned(t, dir)
	socket := filepath.Join(dir, "collect.sock")
	heed := startHeed(t, filepath.Join(dir, "data"), "--demo", "--collector.address", "127.0.0.1:0,unix:"+socket,
		"--collector.reuse_port", "2", "--collector.tls.certificate", certificate, "--collector.tls.key", key)
	if !strings.HasPrefix(heed.Collector, "https://127.0.0.1:") {
		t.Fatalf("collector = %q, want https", heed.Collector)
	}
	loader := strings.TrimPrefix(heed.Collector, "https://")
	loader = loader[strings.IndexByte(loader, '/'):] + "/demo/heed.js"

	f := func(name, address string, transport *http.Transport) {
		t.Helper()
		answer, err := (&http.Client{Transport: transport}).Get(address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: GET %s = %s, want 200", name, loader, answer.Status)
		}
	}
	for range 8 { // new connections, so that both sockets of the port get some
		f("tls", heed.Collector+"/demo/heed.js", &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true})
	}
	f("unix", "http://unix"+loader, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}})
	if got := fetch(t, heed.API+"/metrics"); strings.Count(got, "heed_listen_certificate_expires_seconds ") != 1 {
		t.Error("the metrics do not say once when the certificate expires")
	}
	heed.stop()
	if _, err := os.Stat(socket); err == nil {
		t.Errorf("%s is still there after the stop", socket)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T, dir string) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots = x509.NewCertPool()
	certificate = write("cert.pem", "CERTIFICATE", raw)
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	return certificate, write("key.pem", "PRIVATE KEY", secret), roots
}
