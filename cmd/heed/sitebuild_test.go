package main

import "testing"

func TestCookieDomain(t *testing.T) {
	f := func(configured string, origins []string, want string) {
		t.Helper()
		if got := cookieDomain(Site{CookieDomain: configured, Origins: origins}); got != want {
			t.Errorf("cookieDomain(%q, %q) = %q, want %q", configured, origins, got, want)
		}
	}
	f("", []string{"https://www.shop.co.uk", "https://shop.co.uk"}, "shop.co.uk")
	f("", []string{"https://shop.example:8443"}, "shop.example")
	f("", []string{"https://shop.example", "https://shop.test"}, "") // two domains
	f("", []string{"https://alice.github.io"}, "alice.github.io")
	f("", []string{"https://github.io"}, "") // a public suffix
	f("", []string{"http://127.0.0.1:8080"}, "")
	f("", []string{"http://[::1]:8080"}, "")
	f("", []string{"http://localhost:8080"}, "")
	f("", []string{"http://127.0.0.1:8080", "http://localhost:8080"}, "")
	f("host", []string{"https://www.shop.example"}, "")
	f("shop.example", []string{"https://www.shop.example"}, "shop.example")
}
