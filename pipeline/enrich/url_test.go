package enrich

import (
	"net/url"
	"strings"
	"testing"
)

func TestPlainURL(t *testing.T) {
	f := func(in, host, rest string) {
		t.Helper()
		gotHost, gotRest, plain := plainURL(in)
		if !plain || gotHost != host || gotRest != rest {
			t.Errorf("plainURL(%q) = %q, %q, %v, want %q, %q", in, gotHost, gotRest, plain, host, rest)
		}
	}
	f("https://example.com", "example.com", "")
	f("https://example.com/", "example.com", "/")
	f("http://a-b.c_d.example:8080/x?y#z", "a-b.c_d.example", "/x?y#z")
	f("http://localhost:/", "localhost", "/")
	f("https://example.com?q=%", "example.com", "?q=%")
	f("https://example.com#/route", "example.com", "#/route")
	f("https://example.com/\xff ü", "example.com", "/\xff ü")
}

// What is not plain is left to net/url, which knows what to do.
func TestPlainURLFailure(t *testing.T) {
	f := func(in string) {
		t.Helper()
		if host, rest, plain := plainURL(in); plain {
			t.Errorf("plainURL(%q) = %q, %q, want it not to be plain", in, host, rest)
		}
	}
	f("")
	f("https://")
	f("https:///path")
	f("HTTPS://example.com/")
	f("https://Example.com/")
	f("https://bücher.example/")
	f("https://user@example.com/")
	f("https://example.com:port/")
	f("https://example.com:80:80/")
	f("https://example.com./")
	f("https://.example.com/")
	f("https://example..com/")
	f("https://127.0.0.1/")
	f("https://[::1]/")
	f("https://exa%6Dple.com/")
	f("https://example.com\\path")
	f("https://example.com/\n")
	f("https://example.com/#\x7f")
	f("https://" + strings.Repeat("a", 254) + "/")
	f("android-app://com.slack/")
}

// The quick way and net/url must agree on every URL that the quick way takes.
func FuzzPlainURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/a/b?utm_source=x&gclid=y#z", "http://a.b:80/%41?utm_term=%41+%&x#%", "https://a/?utm_source= a ",
		"https://a//../b?", "https://a#?utm_source=x", "https://a:1?utm_source=a;b&&=&fbclid=%00", "http://a_b.c-d/~!$&'()*+,;=:@",
		"https://a/" + strings.Repeat("x", maxPathBytes), "https://a/\"<>\\^`{|}", "https://x.1a/", "https://1.a/", "https://a/ ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > maxURLBytes {
			return
		}
		if quick, ok := readPlainPage(in); ok {
			if slow, err := readAnyPage(in); err != nil || slow != quick {
				t.Errorf("the quick way reads %q as %+v, net/url as %+v, %v", in, quick, slow, err)
			}
		}
		if host, _, ok := plainURL(in); ok {
			u, err := url.Parse(mendEscapes(in))
			if err != nil || cleanHost(u.Hostname()) != host {
				t.Errorf("the quick way finds host %q in %q, net/url %v, %v", host, in, u, err)
			}
		}
	})
}

// Hosts of one site share their last two labels: what sameSite takes as known.
func FuzzSameSite(f *testing.F) {
	for _, pair := range [][2]string{
		{"a.example.com", "b.example.com"}, {"a.co.uk", "b.co.uk"}, {"alice.github.io", "github.io"}, {"com", "a.com"},
		{"10.0.0.1", "127.0.0.1"}, {"localhost", "a.localhost"}, {"2001:db8::1", "::1"}, {"", "a"}, {"a..b", "b"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if got, want := sameSite(a, b), a == b || siteOf(a) == siteOf(b); got != want {
			t.Errorf("sameSite(%q, %q) = %v, want %v", a, b, got, want)
		}
	})
}

func TestPageAllocations(t *testing.T) {
	f := func(in string, most float64) {
		t.Helper()
		if _, err := ReadPage(in); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(1000, func() { ReadPage(in) }); got > most {
			t.Errorf("ReadPage(%q): %v allocations, want at most %v", in, got, most)
		}
	}
	f("https://www.example.com/", 0)
	f("https://www.example.com/products/blue-shoes?id=7&q=%C3%BC#top", 0)
	f("https://www.example.com/?utm_source=newsletter&utm_medium=email&gclid=Cj0K", 0)
	f("https://www.example.com/?utm_campaign=spring%20sale", 1)
}

func TestReferrerAllocations(t *testing.T) {
	f := func(referrer string, most float64) {
		t.Helper()
		if got := testing.AllocsPerRun(1000, func() { ReferrerHost(referrer, "www.example.com") }); got > most {
			t.Errorf("ReferrerHost(%q): %v allocations, want at most %v", referrer, got, most)
		}
	}
	f("", 0)
	f("https://www.google.com/", 0)
	f("https://www.example.com/%C3%BCber-uns?id=7", 0)
	f("https://news.example.org/a?b=c#d", 0)
	f("https://blog.example.com/", 2) // publicsuffix makes an error to see that a host is no address
}

// Every byte counts the same wherever it stands.
func TestHasControl(t *testing.T) {
	for _, around := range []string{" ", "~", "\xff", "\x80"} {
		for c := range 256 {
			for at := range 19 {
				text := strings.Repeat(around, at) + string([]byte{byte(c)}) + strings.Repeat(around, 18-at)
				if got, want := HasControl(text), c < ' ' || c == 0x7f; got != want {
					t.Fatalf("HasControl(%q) = %v, want %v", text, got, want)
				}
			}
		}
	}
}
