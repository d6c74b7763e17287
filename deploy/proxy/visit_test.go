package proxy_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/uuid"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"heed/analytics"
	"heed/schemas"
)

// Addresses that the test's geo data knows. The loopback addresses that everything here comes from have no country.
const (
	swissAddress    = "203.0.113.9"
	americanAddress = "198.51.100.7"
)

// visited is what testdata/visit.mjs saw.
type visited struct {
	Foreign  []string // requests to any other origin
	Scripts  []string // status and coding
	Statuses []int    // of the batches
	Errors   []string
	Silent   int // batches before the answer
	Cookies  []struct {
		Name, Value, Domain, SameSite string
		HTTPOnly                      bool `json:"httpOnly"`
		Secure                        bool
	}
}

// A visit in a real browser through nginx is counted as it was, once, and from where it came.
func TestVisitThroughNginx(t *testing.T) {
	program, data, city, port := buildHeed(t), t.TempDir(), geoData(t), freePort(t)
	before := startHeed(t, program, configuration(t, port, "    features:\n      spa: false\n"), data, city)
	old := scriptNames(t, http.DefaultClient, "http://"+before.collector+prefix+"/shop/")
	before.stop(t)
	heed := startHeed(t, program, configuration(t, port, ""), data, city)
	n := startNginx(t, port, heed.collector, pages(t, heed.tag))

	t.Run("scripts", func(t *testing.T) { checkScripts(t, n.front, old) })
	did := visit(t, n.url, swissAddress)
	t.Run("browser", func(t *testing.T) { checkBrowser(t, did) })
	t.Run("numbers", func(t *testing.T) { checkNumbers(t, heed) })
	t.Run("countries", func(t *testing.T) { checkCountries(t, n.front, heed, cookieNamed(t, did, "heed")) })
	t.Run("refusals", func(t *testing.T) { checkRefusals(t, n.front) })
	heed.stop(t)
}

// configuration writes the file that README.md shows, for the port at which the pages are. more stands under the site.
func configuration(t *testing.T, port int, more string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md shows no configuration")
	}
	text := strings.ReplaceAll(string(block[1]), "https://"+host, fmt.Sprintf("https://%s:%d", host, port))
	text = strings.ReplaceAll(text, "/your-prefix", prefix)
	path := filepath.Join(t.TempDir(), "heed.yaml")
	write(t, path, text+more)
	return path
}

// pages copies the site with the tag in it.
func pages(t *testing.T, tag string) string {
	t.Helper()
	root := t.TempDir()
	names, err := filepath.Glob(filepath.Join("testdata", "site", "*.html"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the test's site has pages %q, %v", names, err)
	}
	for _, name := range names {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, filepath.Base(name)), strings.Replace(string(page), "<!-- tag -->", tag, 1))
	}
	return root
}

// geoData writes a file that knows two networks.
func geoData(t *testing.T) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "city", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, country := range map[string]string{swissAddress + "/24": "CH", americanAddress + "/24": "US"} {
		_, block, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(block, mmdbtype.Map{"country_code": mmdbtype.String(country)}); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if _, err := tree.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "city.mmdb")
	write(t, path, file.String())
	return path
}

// visit drives Chromium through the site at the given address, claiming to come from another one.
func visit(t *testing.T, site, claimed string) (did visited) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "visit.mjs"), site, claimed)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("visit the site: %v (it needs node, npm ci, and Debian's chromium)\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &did); err != nil {
		t.Fatalf("read what the visit saw: %v\n%s", err, stdout.String())
	}
	return did
}

// scriptNames asks a loader for the scripts that it may load.
func scriptNames(t *testing.T, client *http.Client, address string) []string {
	t.Helper()
	_, loader := do(t, client, "GET", address+"heed.js", nil)
	names := regexp.MustCompile(`[0-9a-f]{20}\.js`).FindAllString(loader, -1)
	if len(names) == 0 {
		t.Fatalf("the loader names no script: %s", loader)
	}
	return names
}

// checkScripts wants the script of an earlier configuration in every coding, as the collector says that it may be kept.
func checkScripts(t *testing.T, f front, earlier []string) {
	client := f.from(t, visitorAddress)
	address := f.url + prefix + "/shop/"
	current := scriptNames(t, client, address)
	i := slices.IndexFunc(earlier, func(name string) bool { return !slices.Contains(current, name) })
	if i < 0 {
		t.Fatalf("the loader still names %q: there is no old script to ask for", earlier)
	}
	old := earlier[i]
	plain := map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"br":   func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	}
	_, want := do(t, client, "GET", address+old, nil)
	for coding, decode := range plain {
		answer, body := do(t, client, "GET", address+old, nil, "Accept-Encoding", coding)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != coding ||
			answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s in %q = %s %v, want it in that coding and immutable", old, coding, answer.Status, answer.Header)
		}
		reader, err := decode(strings.NewReader(body))
		if err != nil {
			t.Fatalf("decode %q: %v", coding, err)
		}
		if got, err := io.ReadAll(reader); err != nil || string(got) != want || len(got) == 0 {
			t.Errorf("%s in %q holds %d bytes, %v, want the %d of the plain one", old, coding, len(got), err, len(want))
		}
	}
	answer, _ := do(t, client, "GET", address+old, nil, "If-None-Match", `"`+strings.TrimSuffix(old, ".js")+`"`)
	if answer.StatusCode != http.StatusNotModified {
		t.Errorf("%s with its own tag = %s, want 304", old, answer.Status)
	}
}

// checkBrowser wants one origin, no noise, and the visitor's cookie from the server's own hand.
func checkBrowser(t *testing.T, did visited) {
	if len(did.Foreign) > 0 || len(did.Errors) > 0 || did.Silent != 0 {
		t.Errorf("requests to others %q, errors %q, %d batches before the answer; want none", did.Foreign, did.Errors, did.Silent)
	}
	if len(did.Scripts) < 2 || slices.ContainsFunc(did.Scripts, func(s string) bool { return s != "200 br" }) {
		t.Errorf("scripts = %q, want loader and bundle, 200 br", did.Scripts)
	}
	if len(did.Statuses) < 3 || slices.ContainsFunc(did.Statuses, func(s int) bool { return s != http.StatusAccepted }) {
		t.Errorf("batches were answered %d, want 202", did.Statuses)
	}
	for _, cookie := range did.Cookies {
		if cookie.Name != "heed_v_shop" {
			continue
		}
		if !cookie.HTTPOnly || !cookie.Secure || cookie.SameSite != "Lax" || strings.TrimPrefix(cookie.Domain, ".") != host ||
			!regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(cookie.Value) {
			t.Errorf("cookie = %+v, want 32 hex digits, HttpOnly, Secure, SameSite=Lax", cookie)
		}
	}
	cookieNamed(t, did, "heed_v_shop")
}

func cookieNamed(t *testing.T, did visited, name string) string {
	t.Helper()
	for _, cookie := range did.Cookies {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	t.Errorf("there is no cookie %s among %+v", name, did.Cookies)
	return ""
}

// checkNumbers wants what testdata/visit.mjs does.
func checkNumbers(t *testing.T, h *heed) {
	stats := await(t, h, func(s analytics.Stats) bool { return s.Summary.Views >= 3 && s.Summary.FormsSent >= 1 })
	if got := stats.Summary; got.Views != 3 || got.Visitors != 1 || got.FormsSent != 1 || got.AnonymousViews != 0 {
		t.Errorf("summary = %+v, want 3 views of 1 visitor and 1 form", got)
	}
	var seen []string
	for _, page := range stats.Pages.Rows {
		seen = append(seen, fmt.Sprintf("%s %d", page.Path, page.Views))
	}
	slices.Sort(seen)
	if want := []string{"/ 1", "/signup.html 1", "/thanks.html 1"}; !slices.Equal(seen, want) {
		t.Errorf("pages = %q, want %q", seen, want)
	}
	if forms := stats.Forms.Rows; len(forms) != 1 || forms[0].Form != "signup" || forms[0].Sent != 1 {
		t.Errorf("forms = %+v, want signup once", forms)
	}
	checkViews(t, stats, map[string]uint64{"": 3}) // the browser's claim to be in Switzerland counts for nothing
}

// checkCountries sends views whose country is known in advance. What a load balancer says is believed, what anyone else
// says is not.
func checkCountries(t *testing.T, f front, h *heed, choice string) {
	view := func(from string, headers ...string) {
		t.Helper()
		now := time.Now().UnixMilli()
		batch, err := json.Marshal(schemas.Batch{
			Version: schemas.EventVersion, Sent: now, Choice: choice,
			Events: []schemas.Event{{ID: uuid.Must(uuid.NewV7()).String(), Kind: schemas.Page, Created: now, URL: f.url + "/geo"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, "Origin", f.url, "Content-Type", "text/plain")
		answer, body := do(t, f.from(t, from), "POST", f.url+prefix+"/shop/ordinary", bytes.NewReader(batch), headers...)
		if answer.StatusCode != http.StatusAccepted || strings.Contains(body, "rejected") {
			t.Fatalf("a view from %s = %s %s, want 202", from, answer.Status, body)
		}
	}
	view(visitorAddress)
	view(visitorAddress, "X-Forwarded-For", swissAddress)
	view(visitorAddress, "X-Forwarded-For", swissAddress+", "+balancerAddress, "Forwarded", "for="+swissAddress)
	view(balancerAddress, "X-Forwarded-For", swissAddress)
	view(balancerAddress, "X-Forwarded-For", americanAddress+", "+swissAddress, "Forwarded", "for="+americanAddress)
	view(balancerAddress, "X-Forwarded-For", swissAddress+", "+americanAddress)

	// The image decides by the cookie, which has to get through.
	answer, _ := do(t, f.from(t, balancerAddress), "GET", f.url+prefix+"/shop/view.gif", nil,
		"X-Forwarded-For", swissAddress, "Referer", f.url+"/geo", "Cookie", "session=of-the-site; heed="+choice)
	if answer.Header.Get("X-Heed-Stored") != "1" {
		t.Errorf("the image = %s %v, want it stored", answer.Status, answer.Header)
	}
	stats := await(t, h, func(s analytics.Stats) bool { return s.Summary.Views >= 3+7 })
	checkViews(t, stats, map[string]uint64{"": 3 + 3, "CH": 3, "US": 1})
}

func checkViews(t *testing.T, stats analytics.Stats, want map[string]uint64) {
	t.Helper()
	got := map[string]uint64{}
	for _, country := range stats.Countries.Rows {
		got[country.Value] += country.Views
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("views by country = %v, want %v", got, want)
	}
}

// checkRefusals wants the collector's own refusals unchanged, and nginx's in the same form.
func checkRefusals(t *testing.T, f front) {
	client := f.from(t, visitorAddress)
	check := func(length, status int, code schemas.Code, headers ...string) {
		t.Helper()
		body := strings.NewReader(strings.Repeat(" ", length))
		answer, text := do(t, client, "POST", f.url+prefix+"/shop/ordinary", body, headers...)
		checkRefusal(t, answer, text, status, code)
	}
	check(2, http.StatusUnsupportedMediaType, schemas.UnsupportedMedia, "Content-Type", "application/x-www-form-urlencoded")
	check(schemas.MaxBatchBytes, http.StatusForbidden, schemas.ForeignOrigin, "Content-Type", "text/plain", "Origin", "https://example.org")
	check(schemas.MaxBatchBytes, http.StatusBadRequest, schemas.Malformed, "Content-Type", "text/plain")
	check(schemas.MaxBatchBytes+1, http.StatusRequestEntityTooLarge, schemas.TooLarge, "Content-Type", "text/plain")
}

// await asks the API until the answer is complete or clearly will not be; the caller looks at what came last. Bots count
// too: these clients are none that a person would use.
func await(t *testing.T, h *heed, complete func(analytics.Stats) bool) (stats analytics.Stats) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answer, body := do(t, http.DefaultClient, "GET", h.api+"/api/v1/sites/shop/stats?bots=include", nil)
		stats = analytics.Stats{}
		if err := json.Unmarshal([]byte(body), &stats); err != nil || stats.Summary == nil {
			t.Fatalf("stats = %s %s, %v", answer.Status, body, err)
		}
		if complete(stats) || time.Now().After(deadline) {
			return stats
		}
	}
}
