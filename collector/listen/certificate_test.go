package listen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// writePair makes a certificate of that serial number, which is good for as many hours, and writes it and its key over the files.
func writePair(t *testing.T, files TLS, serial int64) {
	t.Helper()
	certificate, key := newPair(t, serial)
	write(t, files.Key, key)
	write(t, files.Certificate, certificate)
}

func newPair(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Duration(serial) * time.Hour), DNSNames: []string{"heed.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// write replaces a file by another, as tools that renew certificates do.
func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name+".new", text, 0o600), os.Rename(name+".new", name)); err != nil {
		t.Fatal(err)
	}
}

// clock is a certificate's clock that the test moves.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// testCertificate returns a certificate with serial number 1, its files and its clock, and what it logs.
func testCertificate(t *testing.T) (*certificate, *clock, *bytes.Buffer) {
	t.Helper()
	files := TLS{Certificate: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	writePair(t, files, 1)
	log, time := &bytes.Buffer{}, &clock{time.Unix(1e9, 0)}
	c := &certificate{files: files, logger: slog.New(slog.NewTextHandler(log, nil)), now: time.now}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	return c, time, log
}

// wantSerial asks for the certificate a little later than the last time.
func wantSerial(t *testing.T, c *certificate, clock *clock, want int64) {
	t.Helper()
	clock.Time = clock.Add(checkEvery)
	got, err := c.get(nil)
	if err != nil || got.Leaf.SerialNumber.Int64() != want {
		t.Fatalf("get() = number %v, %v, want number %d", got.Leaf.SerialNumber, err, want)
	}
}

func TestCertificateReloads(t *testing.T) {
	c, clock, log := testCertificate(t)
	wantSerial(t, c, clock, 1)
	if log.Len() > 0 {
		t.Fatalf("nothing changed, and the log says %s", log)
	}
	writePair(t, c.files, 2)
	wantSerial(t, c, clock, 2)
	writePair(t, c.files, 3)
	clock.Time = clock.Add(-time.Hour) // set back: look at once
	wantSerial(t, c, clock, 3)
}

func TestCertificateLooksOnceASecond(t *testing.T) {
	c, clock, _ := testCertificate(t)
	wantSerial(t, c, clock, 1)
	writePair(t, c.files, 2)
	clock.Time = clock.Add(checkEvery - 1)
	if got, _ := c.get(nil); got.Leaf.SerialNumber.Int64() != 1 {
		t.Fatal("the files were looked at again within a second")
	}
	wantSerial(t, c, clock, 2)
}

func TestCertificateKeepsTheOldOne(t *testing.T) {
	c, clock, log := testCertificate(t)
	certificate2, key2 := newPair(t, 2)
	f := func(what string, change func()) {
		t.Helper()
		log.Reset()
		change()
		wantSerial(t, c, clock, 1)
		wantSerial(t, c, clock, 1)
		if got := strings.Count(log.String(), "the old one stays"); got != 1 {
			t.Fatalf("%s: told %d times, want once: %s", what, got, log)
		}
		if strings.Contains(log.String(), string(key2[40:80])) {
			t.Fatalf("%s: the log holds the key", what)
		}
	}
	f("certificate without its key", func() { write(t, c.files.Certificate, certificate2) })
	f("half a certificate", func() { write(t, c.files.Certificate, certificate2[:100]) })
	f("the key in its place", func() { write(t, c.files.Certificate, key2) })
	f("no certificate", func() { _ = os.Remove(c.files.Certificate) })
	write(t, c.files.Key, key2)
	write(t, c.files.Certificate, certificate2)
	wantSerial(t, c, clock, 2)
}

// The metric is of the certificate in force, and looks for a new one by itself.
func TestCertificateMetric(t *testing.T) {
	c, clock, _ := testCertificate(t)
	lns := []net.Listener{&net.TCPListener{}, c.listener(nil), c.listener(nil)}
	f := func(what string, wantHours float64) {
		t.Helper()
		clock.Time = clock.Add(checkEvery)
		var out bytes.Buffer
		WriteMetrics(&out, lns)
		var expires int64
		if n, err := fmt.Sscanf(out.String(), "heed_listen_certificate_expires_seconds %d\n", &expires); n != 1 || err != nil {
			t.Fatalf("%s: metrics = %q, %v", what, &out, err)
		}
		if got := time.Until(time.Unix(expires, 0)).Hours(); got > wantHours || got < wantHours-0.5 {
			t.Errorf("%s: it expires in %.2f hours, want %.0f", what, got, wantHours)
		}
	}
	f("at first", 1)
	certificate2, key2 := newPair(t, 2)
	write(t, c.files.Certificate, certificate2)
	f("before the key has come", 1)
	write(t, c.files.Key, key2)
	f("with its key", 2)
	var out bytes.Buffer
	if WriteMetrics(&out, lns[:1]); out.Len() > 0 {
		t.Errorf("without TLS: metrics = %q, want none", &out)
	}
}

func TestCertificateFollowsLinks(t *testing.T) {
	// As Kubernetes does: the files are links into a folder that is a link, which alone changes.
	dir := t.TempDir()
	for i, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, TLS{filepath.Join(dir, name, "cert"), filepath.Join(dir, name, "key")}, int64(i+1))
	}
	data := filepath.Join(dir, "data")
	if err := os.Symlink("one", data); err != nil {
		t.Fatal(err)
	}
	clock := &clock{time.Unix(1e9, 0)}
	c := &certificate{files: TLS{filepath.Join(data, "cert"), filepath.Join(data, "key")}, logger: slog.New(slog.DiscardHandler), now: clock.now}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	wantSerial(t, c, clock, 1)
	if err := errors.Join(os.Symlink("two", data+".new"), os.Rename(data+".new", data)); err != nil {
		t.Fatal(err)
	}
	wantSerial(t, c, clock, 2)
}

// serveTLS opens a TLS listener that answers each connection with one byte, and returns its address.
func serveTLS(t *testing.T, files TLS) string {
	t.Helper()
	lns, err := Open(t.Context(), Config{Addresses: []string{"127.0.0.1:0"}, TLS: files}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := lns[0].Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.WriteString(conn, "!")
				_ = conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = lns[0].Close()
		<-done
	})
	return lns[0].Addr().String()
}

func TestTLSHandshakes(t *testing.T) {
	c, _, _ := testCertificate(t)
	address := serveTLS(t, c.files)
	before := runtime.NumGoroutine()
	f := func(version uint16) error {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if err != nil {
			return err
		}
		defer conn.Close()
		if number := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); number != 1 {
			t.Errorf("certificate number %d, want 1", number)
		}
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if err := f(version); err != nil {
			t.Fatalf("%s: %v", tls.VersionName(version), err)
		}
	}
	if err := f(tls.VersionTLS11); err == nil {
		t.Fatal("TLS 1.1: want it refused")
	}
	for runtime.NumGoroutine() > before { // those of the connections end; the test's own deadline ends this
		runtime.Gosched()
	}
}

// TestTLSBehindProxy: the PROXY header comes before the handshake, in the clear.
func TestTLSBehindProxy(t *testing.T) {
	c, _, _ := testCertificate(t)
	cfg := Config{Addresses: []string{"127.0.0.1:0"}, TLS: c.files, Proxy: Proxy{From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	lns, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer lns[0].Close()
	remote := make(chan string, 1)
	go func() {
		conn, err := lns[0].Accept()
		if err != nil {
			remote <- err.Error()
			return
		}
		defer conn.Close()
		_, err = io.ReadFull(conn, make([]byte, 1))
		remote <- fmt.Sprint(conn.RemoteAddr(), err)
	}()
	plain, err := net.Dial("tcp", lns[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(plain, "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, want := <-remote, "198.51.100.7:4711 <nil>"; got != want {
		t.Fatalf("behind the proxy: %s, want %s", got, want)
	}
}

// TestTLSSilentPeer: one that connects and says nothing holds up nobody.
func TestTLSSilentPeer(t *testing.T) {
	c, _, _ := testCertificate(t)
	address := serveTLS(t, c.files)
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("dial beside a silent peer: %v", err)
	}
	_ = conn.Close()
}

func TestTLSFilesFailure(t *testing.T) {
	c, _, _ := testCertificate(t)
	for _, files := range []TLS{
		{c.files.Certificate, "/nowhere"},
		{"/nowhere", c.files.Key},
		{c.files.Key, c.files.Certificate},
	} {
		if _, err := Open(t.Context(), Config{Addresses: []string{"127.0.0.1:0"}, TLS: files}, slog.New(slog.DiscardHandler)); err == nil {
			t.Fatalf("Open with %v: want error", files)
		}
	}
}
