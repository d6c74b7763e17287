package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"heed/deploy/proxy"
)

// A Go program serves its pages and, under the prefix, the collector.
func ExampleNew() {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // here: heed serve
		fmt.Printf("%s %s for %s\n", r.Method, r.URL.Path, r.Header.Get("X-Forwarded-For"))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer collector.Close()
	address, err := url.Parse(collector.URL) // http://127.0.0.1:8081
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/your-prefix/", proxy.New(address))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page of the site") })
	site := httptest.NewServer(mux)
	defer site.Close()

	request, err := http.NewRequest("POST", site.URL+"/your-prefix/shop/ordinary", strings.NewReader(`{"v":1}`))
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Forwarded-For", "203.0.113.9") // what a client says of itself counts for nothing
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()
	fmt.Println(answer.Status)
	// Output:
	// POST /your-prefix/shop/ordinary for 127.0.0.1
	// 202 Accepted
}
