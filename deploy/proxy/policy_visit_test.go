package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heed/deploy/proxy"
)

// What a program behind the server says that comes ahead of the policy is dropped; what it says of caches does not stand beside
// ours.
func checkPolicyOfAProgramsPages(t *testing.T, program string) {
	t.Helper()
	maker := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Link", "<https://ads.example/a.js>; rel=preload; as=script")
		w.Header().Set("Cache-Control", r.URL.Query().Get("kept"))
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "img-src *")
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, "<!doctype html>")
	}
	behind := httptest.NewServer(http.HandlerFunc(maker))
	t.Cleanup(behind.Close)
	config := configuration(t, 8444, fmt.Sprintf(declared, 8443))
	inGo := httptest.NewServer(proxy.WithPolicy(http.HandlerFunc(maker), proxy.Policies{Base: "'self'"}, proxy.CloudflarePlace))
	t.Cleanup(inGo.Close)
	for name, f := range map[string]front{
		"nginx": startNginxPolicy(t, recipe(t, program, config, "nginx"), "proxy_pass "+behind.URL+";"),
		"go":    {url: inGo.URL, address: inGo.Listener.Addr().String()},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(path, wantKept string, headers ...string) {
				t.Helper()
				answer, _ := do(t, f.from(t, visitorAddress), "GET", f.url+path, nil, append(headers, "Sec-Fetch-Dest", "document")...)
				h := answer.Header
				policies := h.Values("Content-Security-Policy")
				if len(policies) != 2 || !slices.Contains(policies, "img-src *") {
					t.Errorf("%s: %s with policies %q, want the program's own and ours", path, answer.Status, policies)
				}
				if kept := strings.Join(h.Values("Cache-Control"), " | "); kept != wantKept || len(h.Values("Link")) > 0 {
					t.Errorf("%s: Cache-Control = %q, Link = %q, want %q and none", path, kept, h.Values("Link"), wantKept)
				}
			}
			check("/?kept=public,+max-age=600", "private, no-cache")
			check("/?kept=public,+max-age=600", "private, no-cache", "If-None-Match", `"1"`)
			check("/?kept=no-store", "private, no-store")
		})
	}
}

// certificate is that of the front.
func (f front) certificate(t *testing.T) *x509.Certificate {
	t.Helper()
	connection, err := tls.Dial("tcp", f.address, &tls.Config{RootCAs: f.roots, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0]
}

// keyOf names a key for a browser that is to trust it: what it does not trust, it does not cache.
func keyOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// loaded is what testdata/policy.mjs saw: of each visit the status and what the page could reach.
type loaded struct {
	Step    string
	Status  int
	Reached map[string]bool
}

// In a browser, a cached page follows the choice both ways, and a worker that was first fetched as a script does, too.
func checkPolicyFollowsTheChoice(t *testing.T, program string) {
	t.Helper()
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`)
	}))
	t.Cleanup(stranger.Close)
	u, err := url.Parse(stranger.URL)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	fmt.Sscan(u.Port(), &port)
	root := t.TempDir()
	for _, name := range []string{"index.html", "worker.js"} {
		text, err := os.ReadFile(filepath.Join("testdata", "policy", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, name), strings.ReplaceAll(string(text), "8443", u.Port()))
	}
	config := configuration(t, 8444, fmt.Sprintf(declared, port))
	notice := noticeIn(t, recipe(t, program, config, "go"))
	for name, f := range policyFronts(t, program, config, root) {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "policy.mjs"), f.url, notice, keyOf(f.certificate(t))+","+keyOf(stranger.Certificate()))
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("visit the site: %v (it needs node, npm ci, and Debian's chromium)\n%s", err, stderr.String())
			}
			var steps []loaded
			if err := json.Unmarshal(stdout.Bytes(), &steps); err != nil {
				t.Fatalf("read what the visit saw: %v\n%s", err, stdout.String())
			}
			no := map[string]bool{"map": false, "ads": false, "worker": false, "unlisted": false}
			yes := map[string]bool{"map": true, "ads": true, "worker": true, "unlisted": false}
			for i, want := range []loaded{
				{"refused", 200, no}, {"granted", 304, yes}, {"withdrawn", 304, no}, {"granted again", 304, yes},
			} {
				if i >= len(steps) || steps[i].Step != want.Step || steps[i].Status != want.Status || !maps.Equal(steps[i].Reached, want.Reached) {
					t.Errorf("visits = %+v, want %+v as number %d", steps, want, i+1)
				}
			}
		})
	}
}
