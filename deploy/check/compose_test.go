package check

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project reads compose.yaml as docker compose does, with what README.md has one write to .env.
func project(env ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{deploy + "/compose/compose.yaml"}, cli.WithEnv(env),
		cli.WithWorkingDirectory(deploy+"/compose"))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func mustProject(t *testing.T) *types.Project {
	t.Helper()
	p, err := project("HEED_API_TOKEN="+strings.Repeat("0", 64), "HEED_CLICKHOUSE_PASSWORD=secret")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := mustProject(t)
	known := commands(t)
	config := read(t, deploy+"/compose/heed.yaml")
	for name, service := range p.Services {
		checkImage(t, name, service.Image)
		if service.HealthCheck == nil {
			t.Errorf("%s has no health check", name)
		}
		if !strings.HasPrefix(service.Image, "heed") {
			continue
		}
		if command := service.Command[0]; !known[command] {
			t.Errorf("%s runs heed %s, which is no command", name, command)
		}
		if want := []string{"CMD", "/heed/heed", "ready"}; !slices.Equal(service.HealthCheck.Test, want) || !known["ready"] {
			t.Errorf("%s is asked by %v, want %v", name, service.HealthCheck.Test, want)
		}
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") {
			t.Errorf("%s may write its image or keeps capabilities", name)
		}
		var env []string
		for variable, value := range service.Environment {
			env = append(env, variable+"="+*value)
		}
		checkConfig(t, name, service.Command[0], config, env)
		mounted := slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool {
			return strings.Contains(config, "secret_file: "+path.Join("/run/secrets", s.Target))
		})
		if needed := service.Command[0] != "report"; mounted != needed {
			t.Errorf("%s has the install's secret: %v, and needs it: %v", name, mounted, needed)
		}
	}
	if len(p.Services) != 9 {
		t.Errorf("there are %d services, want 9", len(p.Services))
	}
}

// TestComposeFailure: without its secrets nothing starts.
func TestComposeFailure(t *testing.T) {
	if _, err := project(); err == nil || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("compose without .env = %v, want a word on README.md", err)
	}
}

// TestComposeSpools: two collectors on one spool would refuse each other.
func TestComposeSpools(t *testing.T) {
	owner := map[string]string{}
	for name, service := range mustProject(t).Services {
		for _, volume := range service.Volumes {
			if other := owner[volume.Source]; other != "" {
				t.Errorf("%s and %s share the volume %s", name, other, volume.Source)
			}
			owner[volume.Source] = name
		}
	}
	if len(owner) != 6 {
		t.Errorf("volumes are %v, want three of Kafka, two spools and ClickHouse's", owner)
	}
}

// image is a pinned official name, with no registry in front.
var image = regexp.MustCompile(`^(?:[a-z0-9-]+/)?[a-z0-9-]+:[0-9a-z][0-9a-z.-]*$`)

func checkImage(t *testing.T, what, name string) {
	t.Helper()
	if !image.MatchString(name) || strings.HasSuffix(name, ":latest") {
		t.Errorf("%s uses the image %q, want a name with a version", what, name)
	}
}

// gateway is the address from which front is asked through the published port.
const gateway = "127.0.0.2"

// front starts nginx itself as compose.yaml does, in front of two collectors of the test, and returns its URL.
func front(t *testing.T, collectors [2]*httptest.Server) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	text := read(t, deploy+"/compose/front.conf")
	for _, pair := range [][2]string{ // names that only Docker knows
		{"server collect-1:8081", "server " + collectors[0].Listener.Addr().String()},
		{"server collect-2:8081", "server " + collectors[1].Listener.Addr().String()},
		{"listen 80;", "listen " + address + ";"},
		{"set_real_ip_from 172.16.0.0/12;", "set_real_ip_from " + gateway + ";"},
	} {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("front.conf has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	text = fmt.Sprintf(`daemon off; master_process off; error_log stderr; pid %[1]s/pid; events {} http { access_log off;
		client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
		uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi; %[2]s }`, dir, text)
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	cmd, out := exec.Command(nginx, "-p", dir, "-c", name), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start nginx: %v (make test installs it)", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			t.Fatalf("nginx: %v\n%s", err, out)
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	return "http://" + address
}

// freeAddress is one below those of outgoing connections, on which nothing listened a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
	}
}

// TestComposeFront: collectors that refuse some batches still get the others, and where none is there the answer has the
// collector's form.
func TestComposeFront(t *testing.T) {
	collector := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(map[string]int{"/shed": http.StatusServiceUnavailable, "/taken": http.StatusAccepted}[r.URL.Path])
	})
	collectors := [2]*httptest.Server{httptest.NewServer(collector), httptest.NewServer(collector)}
	url := front(t, collectors)
	f := func(path string, want int, retryAfter string) {
		t.Helper()
		resp, err := http.Post(url+path, "text/plain", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("Retry-After"); resp.StatusCode != want || got != retryAfter {
			t.Errorf("%s = %d, Retry-After %q, want %d and %q", path, resp.StatusCode, got, want, retryAfter)
		}
	}
	for range 4 {
		f("/shed", http.StatusServiceUnavailable, "7")
		f("/taken", http.StatusAccepted, "7")
	}
	for _, c := range collectors {
		c.Close()
	}
	f("/taken", http.StatusServiceUnavailable, "5")
}

// TestComposeFrontPassesTheAddressOn: what a proxy on the machine says of its client counts, and nobody else's word.
func TestComposeFrontPassesTheAddressOn(t *testing.T) {
	collector := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Join(r.Header.Values("X-Forwarded-For"), "|"))
	})
	collectors := [2]*httptest.Server{httptest.NewServer(collector), httptest.NewServer(collector)}
	defer collectors[0].Close()
	defer collectors[1].Close()
	url := front(t, collectors)
	f := func(from, said, want string) {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if said != "" {
			req.Header.Set("X-Forwarded-For", said)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
			t.Errorf("from %s, said %q: the collector is told %q, %v, want %q", from, said, got, err, want)
		}
	}
	f(gateway, "", gateway)
	f(gateway, "203.0.113.7", "203.0.113.7")
	f(gateway, "198.51.100.1, 203.0.113.7", "203.0.113.7") // the first is what the client said
	f("127.0.0.1", "203.0.113.7", "127.0.0.1")
}

func TestComposeClickHouse(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(read(t, deploy+"/compose/clickhouse.xml")))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
