package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const testTag = `<script async src="http://127.0.0.1:1/x/demo/heed.js"></script>`

func newSite(t *testing.T) *httptest.Server {
	t.Helper()
	site, err := New(Config{Tag: testTag})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server
}

func get(t *testing.T, server *httptest.Server, path string) (status int, body string) {
	t.Helper()
	answer, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return answer.StatusCode, string(text)
}

func TestPages(t *testing.T) {
	server := newSite(t)
	f := func(path string, wantStatus int, wantText string) {
		t.Helper()
		status, body := get(t, server, path)
		if status != wantStatus || !strings.Contains(body, wantText) {
			t.Errorf("GET %s = %d, want %d with %q", path, status, wantStatus, wantText)
		}
		if strings.Count(body, testTag) != 1 {
			t.Errorf("GET %s holds the tag %d times, want once", path, strings.Count(body, testTag))
		}
	}
	f("/", 200, "Know when the ground is thirsty.")
	f("/pricing", 200, "Market garden")
	f("/blog", 200, "The journal")
	f("/blog/reading-a-dry-down", 200, "The bend is the message")
	f("/blog/what-the-frost-taught-us", 200, "Ice is a bad conductor")
	f("/signup", 200, `id="signup"`)
	f("/thanks", 200, "Thank you.")
	f("/privacy", 200, "data-heed-choices")
	f("/numbers", 200, "What this site knows")
	f("/blog/none", 404, "This page does not exist.")
}

// TestLinks follows every link of every page: none leads nowhere, and none leaves this machine.
func TestLinks(t *testing.T) {
	server := newSite(t)
	reference := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	seen, queue := map[string]bool{"/": true}, []string{"/"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		status, body := get(t, server, path)
		if status != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, status)
		}
		body = strings.ReplaceAll(body, testTag, "")
		for _, match := range reference.FindAllStringSubmatch(body, -1) {
			to, err := url.Parse(match[1])
			if err != nil || to.Host != "" {
				t.Errorf("%s refers to %q, want a path of the site", path, match[1])
				continue
			}
			if to.Path != "" && !seen[to.Path] {
				seen[to.Path] = true
				queue = append(queue, to.Path)
			}
		}
		if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), "http://") || strings.Contains(body, "https://") {
			t.Errorf("%s names another host", path)
		}
	}
	if len(seen) < 10 {
		t.Errorf("found %d pages and files from the first, want at least 10", len(seen))
	}
}

func TestSignUp(t *testing.T) {
	server := newSite(t)
	answer, err := server.Client().PostForm(server.URL+"/signup", url.Values{"email": {"a@b.example"}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/thanks" {
		t.Errorf("POST /signup = %d to %q, want 303 to /thanks", answer.StatusCode, answer.Header.Get("Location"))
	}
}

func TestSignUpFailure(t *testing.T) {
	server := newSite(t)
	f := func(origin, body string, want int) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, server.URL+"/signup", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("POST /signup from %q with %d bytes = %d, want %d", origin, len(body), answer.StatusCode, want)
		}
	}
	f("", "", 400)
	f("", "email=+", 400)
	f("", "email="+strings.Repeat("x", maxFormBytes), 400) // more than the form may send
	f("https://elsewhere.example", "email=a@b.example", 403)
}
