package proxy_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"heed/deploy/proxy"
	"heed/schemas"
)

// front is a proxy in front of a collector.
type front struct {
	url     string // as a page has it
	address string // where it is
	roots   *x509.CertPool
}

// from returns a client that connects to the front from an address of its own. It does not add to what is asked.
func (f front) from(t *testing.T, ip string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, f.address)
		},
		TLSClientConfig: f.tls(), ForceAttemptHTTP2: true, DisableCompression: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// fronts are what these tests hold to the same promises.
var fronts = map[string]func(t *testing.T, collector string) front{
	"nginx": func(t *testing.T, collector string) front {
		return startNginx(t, freePort(t), collector, pages(t, "")).front
	},
	"go": func(t *testing.T, collector string) front {
		mux := http.NewServeMux()
		heed := proxy.New(&url.URL{Scheme: "http", Host: collector})
		mux.Handle(prefix+"/", heed)
		mux.Handle("/.well-known/", proxy.WellKnown(heed, prefix+"/shop"))
		mux.Handle("/", proxy.WithPlace(http.FileServer(http.Dir(pages(t, ""))), proxy.CloudflarePlace))
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return front{url: server.URL, address: server.Listener.Addr().String()}
	},
}

// recorder stands in for the collector where a test wants to see what reaches it, or to say what it answers.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []*http.Request
	bodies []string
}

func startRecorder(t *testing.T, answer http.HandlerFunc) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body) // one that was cut short is as short as it came
		r.mu.Lock()
		r.seen, r.bodies = append(r.seen, request), append(r.bodies, string(body))
		r.mu.Unlock()
		answer(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) address() string { return r.Listener.Addr().String() }

// last returns the request that came last and its body.
func (r *recorder) last(t *testing.T) (*http.Request, string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		t.Fatal("nothing reached the collector")
	}
	return r.seen[len(r.seen)-1], r.bodies[len(r.bodies)-1]
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

func accepted(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }

// everyFront runs a test with each of the fronts before a collector.
func everyFront(t *testing.T, answer http.HandlerFunc, test func(t *testing.T, f front, collector *recorder)) {
	for name, start := range fronts {
		t.Run(name, func(t *testing.T) {
			collector := startRecorder(t, answer)
			test(t, start(t, collector.address()), collector)
		})
	}
}

// do sends a request and returns its answer, read to the end. Headers come as name, value, name, value.
func do(t *testing.T, client *http.Client, method, address string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// What the client says of its address does not reach the collector; what the connection says does.
func TestAddressIsTheConnections(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		check := func(headers ...string) {
			t.Helper()
			do(t, f.from(t, visitorAddress), "POST", f.url+prefix+"/shop/ordinary", strings.NewReader("{}"), headers...)
			got, _ := collector.last(t)
			if hops := got.Header.Values("X-Forwarded-For"); len(hops) != 1 || hops[0] != visitorAddress {
				t.Errorf("X-Forwarded-For of %q = %q, want %s alone", headers, hops, visitorAddress)
			}
			if forwarded := got.Header.Values("Forwarded"); len(forwarded) > 0 {
				t.Errorf("Forwarded of %q = %q, want none", headers, forwarded)
			}
		}
		check()
		check("X-Forwarded-For", "203.0.113.9")
		check("X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "198.51.100.7, 127.0.0.3")
		check("Forwarded", "for=203.0.113.9")
		check("X-Real-IP", "203.0.113.9", "X-Forwarded-For", "")
	})
}

// Behind a load balancer that nginx knows, the address is what that one saw, not what the client had told it.
func TestAddressBehindBalancer(t *testing.T) {
	collector := startRecorder(t, accepted)
	f := startNginx(t, freePort(t), collector.address(), t.TempDir())
	check := func(from, hops, want string) {
		t.Helper()
		do(t, f.from(t, from), "GET", f.url+prefix+"/shop/view.gif", nil, "X-Forwarded-For", hops)
		request, _ := collector.last(t)
		if got := request.Header.Get("X-Forwarded-For"); got != want {
			t.Errorf("X-Forwarded-For %q from %s became %q, want %q", hops, from, got, want)
		}
	}
	check(balancerAddress, "203.0.113.9", "203.0.113.9")
	check(balancerAddress, "198.51.100.7, 203.0.113.9", "203.0.113.9")
	check(balancerAddress, "203.0.113.9, "+balancerAddress, "203.0.113.9")
	check(balancerAddress, "2001:db8::1", "2001:db8::1")
	check(visitorAddress, "203.0.113.9", visitorAddress)
	check(visitorAddress, "203.0.113.9, "+balancerAddress, visitorAddress)
}

// Path, body and the headers that decide arrive as they were sent, and nothing that is the site's own.
func TestRequestArrivesAsSent(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		const path, body = prefix + "/shop/urgent?u=https%3A%2F%2Fexample.com%2Fa%252Fb&r=", `{"v":1,"sent":1,"events":[]}`
		kept := map[string]string{
			"Content-Type": "text/plain;charset=UTF-8", "Content-Encoding": "gzip", "Origin": "https://example.com",
			"Referer": "https://example.com/a", "User-Agent": "Agent/1", "Sec-Gpc": "1", "Dnt": "1", "Sec-Ch-Ua-Platform": `"Linux"`,
			"Accept-Encoding": "br", "Sec-Fetch-Site": "same-origin",
		}
		headers := []string{"Authorization", "Basic c2l0ZTpwYXNz"}
		for name, value := range kept {
			headers = append(headers, name, value)
		}
		do(t, f.from(t, visitorAddress), "POST", f.url+path, strings.NewReader(body), headers...)
		got, gotBody := collector.last(t)
		if got.Method != "POST" || got.RequestURI != path || gotBody != body {
			t.Errorf("got %s %s with %q, want POST %s with %q", got.Method, got.RequestURI, gotBody, path, body)
		}
		for name, value := range kept {
			if got.Header.Get(name) != value {
				t.Errorf("%s = %q, want %q", name, got.Header.Get(name), value)
			}
		}
		if password := got.Header.Get("Authorization"); password != "" {
			t.Errorf("Authorization = %q, want none", password)
		}
		do(t, f.from(t, visitorAddress), "GET", f.url+prefix+"/shop/heed.js", nil)
		if got, _ := collector.last(t); got.Header.Get("Accept-Encoding") != "" {
			t.Errorf("Accept-Encoding = %q where the client sent none, want none", got.Header.Get("Accept-Encoding"))
		}
	})
}

// Of the cookies only Heed's arrive.
func TestCookiesOfTheSiteStayThere(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		check := func(key, sent string, want ...string) {
			t.Helper()
			do(t, f.from(t, visitorAddress), "POST", f.url+prefix+"/"+key+"/ordinary", nil, "Cookie", sent)
			request, _ := collector.last(t)
			var got []string
			for _, cookie := range request.Cookies() {
				got = append(got, cookie.Name+"="+cookie.Value)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("cookies %q became %q, want %q", sent, got, want)
			}
		}
		const choice, visitor = "heed=1.0f.20370.0badcafe", "heed_v_my-shop=0123456789abcdef0123456789abcdef"
		check("my-shop", choice+"; "+visitor, choice, visitor)
		check("my-shop", "session=s3cret; "+choice+"; cart=1; "+visitor+"; theme=dark", choice, visitor)
		check("my-shop", "session=s3cret; "+visitor, visitor)
		check("my-shop", "session=s3cret; "+choice, choice)
		check("my-shop", "heed_my-shop=1.0f.20370.0badcafe; session=s3cret", "heed_my-shop=1.0f.20370.0badcafe")
		check("my-shop", "session=s3cret; unheed=1; xheed_v_my-shop=2; note=heed")
		check("my-shop", "session="+strings.Repeat("x", 7000)+"; "+visitor, visitor)
	})
}

// Answers come as the collector gave them, each from the collector itself.
func TestAnswersPass(t *testing.T) {
	const (
		visitorCookie = "heed_v_shop=0123456789abcdef0123456789abcdef; max-age=34128000; path=/; HttpOnly; secure; SameSite=Lax"
		choiceCookie  = "heed=1.0f.20370.0badcafe; path=/"
		logFull       = `{"code":"unavailable","message":"the log is full"}`
	)
	answers := map[string]http.HandlerFunc{
		"/shop/ordinary": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Add("Set-Cookie", visitorCookie)
			w.Header().Add("Set-Cookie", choiceCookie)
			w.WriteHeader(http.StatusAccepted)
		},
		"/shop/urgent": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, logFull)
		},
		"/shop/view.gif": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/gif")
			w.Header().Set("X-Heed-Stored", "0")
			w.Header().Set("X-Heed-Reason", "no_consent")
			_, _ = io.WriteString(w, "GIF89a")
		},
	}
	collect := func(w http.ResponseWriter, r *http.Request) { answers[strings.TrimPrefix(r.URL.Path, prefix)](w, r) }
	everyFront(t, collect, func(t *testing.T, f front, collector *recorder) {
		check := func(method, path string, status int, body string, headers ...string) {
			t.Helper()
			for range 2 { // the second would come out of a cache
				before := collector.count()
				got, gotBody := do(t, f.from(t, visitorAddress), method, f.url+prefix+path, nil)
				if got.StatusCode != status || gotBody != body {
					t.Errorf("%s %s = %d %q, want %d %q", method, path, got.StatusCode, gotBody, status, body)
				}
				for i := 0; i < len(headers); i += 2 {
					if value := strings.Join(got.Header.Values(headers[i]), " | "); value != headers[i+1] {
						t.Errorf("%s %s: %s = %q, want %q", method, path, headers[i], value, headers[i+1])
					}
				}
				if collector.count() != before+1 {
					t.Errorf("%s %s reached the collector %d times, want once", method, path, collector.count()-before)
				}
			}
		}
		check("POST", "/shop/ordinary", 202, "", "Cache-Control", "no-store", "Set-Cookie", visitorCookie+" | "+choiceCookie)
		check("POST", "/shop/urgent", 503, logFull, "Retry-After", "60", "Content-Type", "application/json")
		check("GET", "/shop/view.gif", 200, "GIF89a", "X-Heed-Stored", "0", "X-Heed-Reason", "no_consent")
	})
}

// A body of 64 KiB passes. A longer one gets an answer that says what is wrong, whether its length is announced or not.
func TestBodyLimit(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		send := func(bytes int, announced bool) (*http.Response, string) {
			var body io.Reader = strings.NewReader(strings.Repeat("x", bytes))
			if !announced {
				body = struct{ io.Reader }{body} // its length is not known to the client
			}
			return do(t, f.from(t, visitorAddress), "POST", f.url+prefix+"/shop/ordinary", body)
		}
		for _, announced := range []bool{true, false} {
			answer, _ := send(schemas.MaxBatchBytes, announced)
			if _, body := collector.last(t); answer.StatusCode != http.StatusAccepted || len(body) != schemas.MaxBatchBytes {
				t.Errorf("64 KiB (announced: %v) = %s with %d bytes, want 202 with all", announced, answer.Status, len(body))
			}
			answer, body := send(schemas.MaxBatchBytes+1, announced)
			checkRefusal(t, answer, body, http.StatusRequestEntityTooLarge, schemas.TooLarge)
			answer, body = send(2<<20, announced)
			checkRefusal(t, answer, body, http.StatusRequestEntityTooLarge, schemas.TooLarge)
		}
	})
}

// While the collector is away the browser is told to keep its events.
func TestCollectorAway(t *testing.T) {
	everyFront(t, accepted, func(t *testing.T, f front, collector *recorder) {
		collector.Close()
		answer, body := do(t, f.from(t, visitorAddress), "POST", f.url+prefix+"/shop/ordinary", strings.NewReader("{}"))
		checkRefusal(t, answer, body, http.StatusServiceUnavailable, schemas.Unavailable)
		if after := answer.Header.Values("Retry-After"); len(after) != 1 || after[0] != "5" {
			t.Errorf("Retry-After = %q, want 5", after)
		}
	})
}

// checkRefusal wants an answer in the form of the collector's own.
func checkRefusal(t *testing.T, answer *http.Response, body string, status int, code schemas.Code) {
	t.Helper()
	var refusal schemas.Error
	if err := json.Unmarshal([]byte(body), &refusal); err != nil || refusal.Code != code || refusal.Message == "" {
		t.Errorf("body = %q, want the error %s", body, code)
	}
	h := answer.Header
	if answer.StatusCode != status || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("answer = %s %v, want %d, JSON, no-store", answer.Status, h, status)
	}
}
