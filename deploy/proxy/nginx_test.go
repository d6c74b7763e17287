package proxy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"heed/collector/listen/listentest"
)

// What the test puts in the place of nginx.conf's own names.
const (
	host   = "example.com" // stays: the browser and the clients of these tests find it on this machine
	prefix = "/h7k2w9"
)

// Addresses that clients of these tests connect from.
const (
	visitorAddress  = "127.0.0.2"
	balancerAddress = "127.0.0.3" // a load balancer in front of nginx
)

// surroundings is the nginx.conf of a distribution, as far as it matters: everything in a folder of the test, the logs
// and the compression switched on as many have them.
const surroundings = `
daemon off;
user %[2]s;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 256; }
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	types { text/html html; text/javascript js; }
	gzip on;
	gzip_proxied any;
	gzip_types *;
	include %[1]s/site.conf;
}
`

// nginx is one that a test has started, with the configuration that is shipped.
type nginx struct {
	front
	dir  string // its logs and temporary files
	stop func() // ends it, once
}

// startNginx starts nginx at the given port in front of the collector, with the pages of root. It is ended with the test.
func startNginx(t *testing.T, port int, collector, root string) nginx {
	t.Helper()
	return startNginxWith(t, port, "", []string{"/var/www/example.com", root, "127.0.0.1:8081", collector})
}

// startNginxWith starts it with pairs of old and new texts replaced, behind what http { } includes first.
func startNginxWith(t *testing.T, port int, included string, pairs []string) nginx {
	t.Helper()
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(surroundings, dir, me.Username))
	write(t, filepath.Join(dir, "site.conf"), included+shipped(t, append(pairs,
		"listen [::]:443 ssl http2;", "", // not every machine has IPv6
		"listen 443 ", fmt.Sprintf("listen 127.0.0.1:%d ", port),
		"/etc/ssl/example.com", dir+"/example.com",
		"/your-prefix", prefix,
		"# set_real_ip_from 192.0.2.10;", "set_real_ip_from "+balancerAddress+";",
		"# real_ip_header", "real_ip_header",
		"# real_ip_recursive", "real_ip_recursive",
	)...))
	n := nginx{
		front: front{url: fmt.Sprintf("https://%s:%d", host, port), address: fmt.Sprintf("127.0.0.1:%d", port), roots: roots},
		dir:   dir, stop: runNginx(t, dir),
	}
	n.await(t)
	return n
}

// shipped is nginx.conf with pairs of old and new texts replaced. Each old one must be there.
func shipped(t *testing.T, pairs ...string) string {
	t.Helper()
	data, err := os.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("nginx.conf has no %q any more, which its users are told to replace", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// runNginx runs it as a child of this process.
func runNginx(t *testing.T, dir string) (stop func()) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in the path of every user
	}
	var output bytes.Buffer
	cmd := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start nginx: %v (this test needs it: apt-get install nginx)", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // its master ends its workers
		if err := <-done; err != nil {
			t.Errorf("nginx: %v\n%s", err, output.String())
		}
	})
	t.Cleanup(stop)
	return stop
}

// await returns once the port takes connections.
func (f front) await(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("tcp", f.address)
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing listens: %v", err)
		}
	}
}

// writeCertificate makes one that only clients of this test believe, and returns what they must believe.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	write(t, filepath.Join(dir, host+".pem"), string(inPEM))
	write(t, filepath.Join(dir, host+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(inPEM)
	return roots
}

func (f front) tls() *tls.Config { return &tls.Config{RootCAs: f.roots} }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort is one that nothing listened on a moment ago: nginx cannot choose for itself and say which.
func freePort(t *testing.T) int {
	t.Helper()
	address, err := listentest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return int(netip.MustParseAddrPort(address).Port())
}
