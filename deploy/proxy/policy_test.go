package proxy_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heed/deploy/proxy"
)

var update = flag.Bool("update", false, "rewrite policy.nginx.conf")

// declared is what the site of these tests speaks with, at the port of the test's own stranger.
const declared = `    purposes:
      - {id: directions, category: functional, retention_days: 30}
      - {id: following, category: advertising, retention_days: 30}
    recipients: [{id: other, name: Other Co, country: US}]
    services:
      - {id: map, category: functional, purposes: [directions], recipient: other, hosts: ["https://map.example:%[1]d"], marked: true}
      - {id: ads, category: advertising, purposes: [following], recipient: other, hosts: ["https://ads.example:%[1]d"], stores: ["_ads_*", FPID]}
    wall: {frames: [/checkout]}
`

// recipe asks heed for the policies of the site that a configuration describes.
func recipe(t *testing.T, program, config, server string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, "tag", "shop", "--header", server, "--config", config)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("heed tag --header %s: %v\n%s", server, err, stderr.String())
	}
	return stdout.String()
}

// policyFronts are the servers that carry policies, by the recipes that heed prints for a configuration.
func policyFronts(t *testing.T, program, config, root string) map[string]front {
	t.Helper()
	return map[string]front{
		"nginx": startNginxPolicy(t, recipe(t, program, config, "nginx"), "root "+root+";"),
		"go":    startGoPolicy(t, recipe(t, program, config, "go"), root),
	}
}

// startNginxPolicy runs nginx.conf with the lines of the strength header taken out of their marks, behind the recipe's maps.
// source says where the pages are.
func startNginxPolicy(t *testing.T, maps, source string) front {
	t.Helper()
	const noLine = "# add_header Link" // without a program that makes the pages
	uncommented := []string{"# add_header C", "add_header C", "# add_header V", "add_header V", "# add_header S", "add_header S"}
	if strings.HasPrefix(source, "proxy_pass") {
		uncommented = append(uncommented, "# proxy_hide", "proxy_hide", noLine, "add_header Link")
	}
	return startNginxWith(t, freePort(t), maps, append(uncommented, "root /var/www/example.com;", source)).front
}

// goSite is a program that does what policy.go's documentation says.
const goSite = `package main

import (
	"log"
	"net/http"
	"os"

	"heed/deploy/proxy"
)

func main() {
	files := http.FileServer(http.Dir(os.Args[1]))
	tagged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", "\"1\"") // without one Chromium asks for the whole page anew where the cookie differs
		files.ServeHTTP(w, r)
	})
	pages := proxy.WithPlace(tagged, proxy.CloudflarePlace)
	guarded := proxy.WithPolicy(pages, policies, proxy.CloudflarePlace)
	log.Fatal(http.ListenAndServeTLS(os.Args[2], os.Args[3]+".pem", os.Args[3]+".key", guarded))
}
`

// startGoPolicy builds a program of the recipe as it was printed, and runs it.
func startGoPolicy(t *testing.T, source, root string) front {
	t.Helper()
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	write(t, filepath.Join(dir, "main.go"), goSite)
	write(t, filepath.Join(dir, "policies.go"), source)
	program := filepath.Join(dir, "site")
	if out, err := exec.Command("go", "build", "-o", program, filepath.Join(dir, "main.go"), filepath.Join(dir, "policies.go")).CombinedOutput(); err != nil {
		t.Fatalf("build the recipe for Go: %v\n%s", err, out)
	}
	port := freePort(t)
	f := front{url: fmt.Sprintf("https://%s:%d", host, port), address: fmt.Sprintf("127.0.0.1:%d", port), roots: roots}
	cmd := exec.Command(program, root, f.address, filepath.Join(dir, host))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	f.await(t)
	return f
}

// The policies of the strength "header" are what heed prints, as they stand, in front of pages.
func TestPolicies(t *testing.T) {
	program := buildHeed(t) // once: it takes as long as a test
	t.Run("file", func(t *testing.T) { checkPolicyFile(t, program) })
	t.Run("states", func(t *testing.T) { checkPoliciesByState(t, program) })
	t.Run("program", func(t *testing.T) { checkPolicyOfAProgramsPages(t, program) })
	t.Run("grant and withdrawal over 304", func(t *testing.T) { checkPolicyFollowsTheChoice(t, program) })
}

// The example's maps are what heed prints for the configuration that README.md shows.
func checkPolicyFile(t *testing.T, program string) {
	t.Helper()
	text, err := os.ReadFile(configuration(t, 443, ""))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "heed.yaml")
	write(t, config, strings.ReplaceAll(strings.ReplaceAll(string(text), ":443", ""), prefix, "/your-prefix"))
	got := recipe(t, program, config, "nginx")
	if *update {
		write(t, "policy.nginx.conf", got)
	}
	if want, err := os.ReadFile("policy.nginx.conf"); err != nil || string(want) != got {
		t.Errorf("policy.nginx.conf (%v) is not what heed tag shop --header nginx prints: go test -run TestPolicies/file -update .", err)
	}
}

// Every answer of a page carries the policy of its visitor, alike from both servers; a script's does not.
func checkPoliciesByState(t *testing.T, program string) {
	t.Helper()
	root := pages(t, "")
	write(t, filepath.Join(root, "worker.js"), "// of a worker")
	fronts := policyFronts(t, program, configuration(t, 8444, fmt.Sprintf(declared, 8443)), root)
	notice := noticeIn(t, recipe(t, program, configuration(t, 8444, fmt.Sprintf(declared, 8443)), "go"))
	const nothing, functional, all, free = "", "map", "map ads", "*"
	states := []struct {
		place, cookie string
		signals       string // Sec-GPC, DNT
		want          string
	}{
		{"", "", "", functional}, // undecided: all tags of map are marked
		{"DE", "", "", functional}, {"DE", "", "Sec-GPC", nothing}, {"DE", "", "DNT", nothing},
		{"DE", "heed=1.0f.20000." + notice, "", all}, {"DE", "heed=1.01.20000." + notice, "", nothing},
		{"DE", "heed=1.03.20000." + notice, "", functional}, {"DE", "heed=1.09.20000." + notice, "", "ads"},
		{"DE", "heed=1.0f.20000." + notice, "Sec-GPC", functional},      // the signal came after the choice
		{"DE", "heed=1.1f.20000." + notice, "Sec-GPC", all},             // and was on when it was made
		{"DE", "heed=1.8f.20000." + notice, "", nothing},                // made where silence allows
		{"DE", "heed=1.10f.20000." + notice, "", all},                   // of some services only: the page tightens
		{"DE", "heed=1.0f.20000.0badcafe", "", nothing},                 // answered another notice
		{"DE", "heed=1.0f.20000." + notice + ".x.y", "", nothing},       // cannot be read
		{"DE", "heed=2.0f.20000." + notice, "", nothing},                // of a newer version
		{"DE", "heed=", "", nothing},                                    // empty
		{"DE", "heed=1; heed=1.0f.20000." + notice, "", nothing},        // the first counts, as for scripts
		{"DE", "a=heed=1.0f.20000." + notice + "; b=2", "", functional}, // another cookie's value
		{"DE", "session=1; heed=1.0f.20000." + notice + "." + strings.Repeat("0", 32) + "." + strings.Repeat("A", 22) + "; b=2", "", all},
		{"DE", "heed=1.01.20000." + notice + "; heed_off=9999999999", "", free}, // the wall is off
		{"US-CA", "", "", free}, {"US-CA", "", "Sec-GPC", functional}, {"US-CA", "heed=1.01.20000." + notice, "", nothing},
		{"US-CA", "heed=1.8f.20000." + notice, "", free}, {"US-CA", "heed=1.1f.20000." + notice, "", functional},
		{"US-CA", "heed=1.10f.20000." + notice, "", all},
		{"US", "", "", free}, {"CA-QC", "", "", functional}, {"T1", "", "", functional},
	}
	for name, f := range fronts {
		t.Run(name, func(t *testing.T) {
			client := f.from(t, visitorAddress)
			for _, s := range states {
				headers := headersOf(s.place, s.cookie, s.signals)
				answer, _ := do(t, client, "GET", f.url+"/", nil, append(headers, "Sec-Fetch-Dest", "document")...)
				if got := freedBy(answer.Header.Values("Content-Security-Policy")); got != s.want {
					t.Errorf("the page for %+v frees %q, want %q", s, got, s.want)
				}
				checkKept(t, answer)
			}
			checkKinds(t, f, client)
			checkEnded(t, f, client, notice)
		})
	}
	comparePolicies(t, fronts, notice)
}

// checkEnded wants that a page ends the cookies of what was refused, those of the host and of the whole domain, and no other.
func checkEnded(t *testing.T, f front, client *http.Client, notice string) {
	t.Helper()
	check := func(choice, cookies string, want ...string) {
		t.Helper()
		answer, _ := do(t, client, "GET", f.url+"/", nil, "CF-IPCountry", "DE", "Sec-Fetch-Dest", "document", "Cookie", choice+cookies)
		got := map[string]int{}
		for _, cookie := range answer.Cookies() {
			if cookie.MaxAge >= 0 || cookie.Value != "" || cookie.Path != "/" {
				t.Errorf("%s%s sets %v, want an end", choice, cookies, cookie)
			}
			got[cookie.Name]++
		}
		for _, name := range want {
			if got[name] != 2 {
				t.Errorf("%s%s ends %v, want %s on host and domain", choice, cookies, got, name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s%s ends %v, want %q", choice, cookies, got, want)
		}
	}
	no, yes := "heed=1.01.20000."+notice, "heed=1.0f.20000."+notice
	check(no, "; FPID=x", "FPID")
	check("_ads_12.a=x; ", no, "_ads_12.a")
	check(no, "; session=1; XFPID=1; FPIDX=2; b=FPID=3")
	check(yes, "; FPID=x; _ads_1=x")
	check("", "FPID=x")
	check("heed=1.01.20000.0badcafe", "; FPID=x")
}

// checkKinds wants a policy in the answer of whatever may become a page or a worker, and in no other.
func checkKinds(t *testing.T, f front, client *http.Client) {
	t.Helper()
	for _, c := range []struct {
		path, dest string
		want       bool
	}{
		{"/", "", true}, {"/", "iframe", true}, {"/", "empty", true}, {"/none.html", "document", true}, {"/worker.js", "worker", true},
		{"/worker.js", "sharedworker", true}, {"/worker.js", "serviceworker", true}, {"/worker.js", "", true}, {"/worker.js", "script", false},
		{"/worker.js", "empty", false},
	} {
		answer, _ := do(t, client, "GET", f.url+c.path, nil, "Sec-Fetch-Dest", c.dest)
		if got := answer.Header.Get("Content-Security-Policy") != ""; got != c.want {
			t.Errorf("%s as %q carries a policy: %v, want %v", c.path, c.dest, got, c.want)
		}
		if vary := strings.Join(answer.Header.Values("Vary"), ","); !strings.Contains(vary, "Sec-Fetch-Dest") {
			t.Errorf("%s as %q: Vary = %q, want Sec-Fetch-Dest in it", c.path, c.dest, vary)
		}
	}
	answer, _ := do(t, client, "GET", f.url+"/checkout/card", nil, "Sec-Fetch-Dest", "document")
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, ";frame-src *") {
		t.Errorf("the policy of a checkout is %q, want frames of every host", policy)
	}
}

// comparePolicies wants the same of both servers for everything that a visitor can have said.
func comparePolicies(t *testing.T, fronts map[string]front, notice string) {
	t.Helper()
	clients := map[string]*http.Client{}
	for name, f := range fronts {
		clients[name] = f.from(t, visitorAddress)
	}
	for _, place := range []string{"", "DE", "FR", "GB", "CH", "US-CA", "US-TX", "US", "CA-QC", "CA-ON", "CA", "IN", "JP", "ZW"} {
		for i := range 4 * 16 * 8 {
			bits, signals := i/4, []string{"", "Sec-GPC", "DNT", "Sec-GPC DNT"}[i%4]
			if bits%16/2*2+1 < 15 && bits%16/2 != i%8 { // all of the last digit in turn
				continue
			}
			id := []string{notice, "0badcafe"}[i/64%2]
			cookie := fmt.Sprintf("heed=1.%02x.20000.%s", bits*2+1, id)
			policies := map[string]bool{}
			for name, f := range fronts {
				answer, _ := do(t, clients[name], "HEAD", f.url+"/", nil, headersOf(place, cookie, signals)...)
				policies[freedBy(answer.Header.Values("Content-Security-Policy"))] = true
			}
			if len(policies) != 1 {
				t.Errorf("for %s, %s, %q the servers free %q", place, cookie, signals, slices.Collect(maps.Keys(policies)))
			}
		}
	}
}

func headersOf(place, cookie, signals string) (headers []string) {
	country, region, _ := strings.Cut(place, "-")
	headers = []string{"CF-IPCountry", country, "CF-Region-Code", region}
	if cookie != "" {
		headers = append(headers, "Cookie", cookie)
	}
	for name := range strings.FieldsSeq(signals) {
		headers = append(headers, name, "1")
	}
	return headers
}

// freedBy names what a policy allows of the site's services, "*" for all that there is.
func freedBy(policies []string) string {
	if len(policies) != 1 {
		return fmt.Sprintf("%d policies", len(policies))
	}
	if strings.HasPrefix(policies[0], "default-src * ") {
		return "*"
	}
	var freed []string
	for _, name := range []string{"map", "ads"} {
		if strings.Contains(policies[0], " "+name+".example:8443") {
			freed = append(freed, name)
		}
	}
	return strings.Join(freed, " ")
}

// checkKept wants that the answer is asked for each time.
func checkKept(t *testing.T, answer *http.Response) {
	t.Helper()
	kept, vary := strings.Join(answer.Header.Values("Cache-Control"), " | "), strings.Join(answer.Header.Values("Vary"), ",")
	if kept != "private, no-cache" || !strings.Contains(vary, "Cookie") {
		t.Errorf("Cache-Control = %q, Vary = %q, want private, no-cache and Cookie", kept, vary)
	}
}

// noticeIn reads the id of the notice in force out of the recipe for Go.
func noticeIn(t *testing.T, source string) string {
	t.Helper()
	_, rest, _ := strings.Cut(source, "Notice: \"")
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("the recipe names no notice:\n%s", source)
	}
	return id
}

// Handlers behind WithPolicy can flush and take over the connection, as without it; what is flushed has the policy.
func TestPolicyIsThereWhenFlushed(t *testing.T) {
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/controller":
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
		case "/flusher":
			w.(http.Flusher).Flush()
		case "/hijacker":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Errorf("Hijack: %v", err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
			_ = conn.Close()
		}
	})
	server := httptest.NewServer(proxy.WithPolicy(pages, proxy.Policies{Cookie: "heed"}, func(*http.Request) string { return "" }))
	t.Cleanup(server.Close)
	for path, want := range map[string]int{"/controller": http.StatusOK, "/flusher": http.StatusOK, "/hijacker": http.StatusSwitchingProtocols} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if hasPolicy := answer.Header.Get("Content-Security-Policy") != ""; answer.StatusCode != want || hasPolicy != (want == http.StatusOK) {
			t.Errorf("%s answers %d with policy %q, want %d, and a policy with what is a page", path, answer.StatusCode, answer.Header.Get("Content-Security-Policy"), want)
		}
	}
}
