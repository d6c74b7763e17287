package enrich

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestReadPage(t *testing.T) {
	f := func(in, host, path string) {
		t.Helper()
		got, err := ReadPage(in)
		if want := (Page{Host: host, Path: path}); err != nil || got != want {
			t.Errorf("ReadPage(%q) = %+v, %v, want %+v", in, got, err, want)
		}
	}
	f("https://example.com", "example.com", "/")
	f("https://Example.COM:8443/a/B/", "example.com", "/a/B/")
	f("HTTP://example.com./", "example.com", "/")
	f("http://127.0.0.1:8080/x", "127.0.0.1", "/x")
	f("http://[2001:DB8::1]:80/", "2001:db8::1", "/")
	f("http://localhost:3000/", "localhost", "/")
	f("https://my_shop.example.com/", "my_shop.example.com", "/")
	f("https://bücher.example/", "xn--bcher-kva.example", "/")
	f("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/")

	// Query and fragment go, also where they are escaped.
	f("https://example.com/a?email=a@b.c#top", "example.com", "/a")
	f("https://example.com?email=a@b.c", "example.com", "/")
	f("https://example.com/#/route", "example.com", "/")
	f("https://example.com/a%3Femail=a@b.c%23x", "example.com", "/a%3Femail=a@b.c%23x")

	// Paths are for people to read.
	f("https://example.com/%C3%BCber-uns", "example.com", "/über-uns")
	f("https://example.com/über-uns", "example.com", "/über-uns")
	f("https://example.com/a%2fb%2F%20c", "example.com", "/a%2Fb%2F c")
	f("https://example.com/50%off", "example.com", "/50%25off")
	f("https://example.com/50%25off", "example.com", "/50%25off")
	f("https://example.com/%", "example.com", "/%25")
	f("https://example.com//a/../b", "example.com", "//a/../b")

	// Nothing that hides or breaks a line.
	f("https://example.com/a%00b%0Ac%7F", "example.com", "/abc")
	f("https://example.com/a%E2%80%AEcod.exe", "example.com", "/acod.exe")
	f("https://example.com/a%FFb", "example.com", "/a\uFFFDb")
}

func TestReadPageFailure(t *testing.T) {
	f := func(in string) {
		t.Helper()
		got, err := ReadPage(in)
		if err == nil {
			t.Fatalf("ReadPage(%q) = %+v, want error", in, got)
		}
		if len(in) > 3 && strings.Contains(err.Error(), in) {
			t.Errorf("ReadPage(%q): the error repeats the URL: %v", in, err)
		}
	}
	f("")
	f("/only/a/path")
	f("//example.com/")
	f("example.com")
	f("https:///path")
	f("https:example.com")
	f("https://")
	f("ftp://example.com/")
	f("file:///etc/passwd")
	f("javascript:alert(1)")
	f("data:text/html,x")
	f("https://user@example.com/")
	f("https://user:secret@example.com/")
	f("https://exam ple.com/")
	f("https://exa%6Dple.com/")
	f("https://exam\x00ple.com/")
	f("https://example.com/\n")
	f("https://example..com/")
	f("https://.example.com/..") // idem, at the start
	f("https://exa$mple.com/")
	f("https://[::1/")
	f("https://example.com:port/")
	f("https://" + strings.Repeat("a", 254) + "/")
	f("https://example.com/" + strings.Repeat("a", maxURLBytes))
}

func TestReadPageCutsThePathAtARune(t *testing.T) {
	got, err := ReadPage("https://example.com/x" + strings.Repeat("ü", 800))
	if err != nil {
		t.Fatal(err)
	}
	if want := "/x" + strings.Repeat("ü", 511); got.Path != want {
		t.Errorf("path of %d bytes, want %d: %q", len(got.Path), len(want), got.Path)
	}
	got, _ = ReadPage("https://example.com/" + strings.Repeat("ü", 800))
	if want := "/" + strings.Repeat("ü", 511); got.Path != want { // 1023 bytes: another rune would end at 1025
		t.Errorf("path of %d bytes, want %d", len(got.Path), len(want))
	}
}

func TestReadPageUTM(t *testing.T) {
	f := func(query string, want UTM) {
		t.Helper()
		got, err := ReadPage("https://example.com/?" + query)
		if err != nil || got.UTM != want {
			t.Errorf("UTM of %q = %+v, %v, want %+v", query, got.UTM, err, want)
		}
	}
	f("utm_source=a&utm_medium=b&utm_campaign=c&utm_term=d&utm_content=e", UTM{"a", "b", "c", "d", "e"})
	f("x=1&utm_source=first&utm_source=second", UTM{Source: "first"})
	f("utm_source=&utm_source=second", UTM{Source: "second"})
	f("utm_source=Spring+Sale%20%C3%BC", UTM{Source: "Spring Sale ü"})
	f("utm_campaign=50%off", UTM{Campaign: "50%off"})
	f("utm_campaign=a%00%0Ab%FF", UTM{Campaign: "ab\uFFFD"})
	f("utm_source=+a+&utm_medium", UTM{Source: "a"})
	f("UTM_SOURCE=a&utm_id=b&utm_sourc%65=c", UTM{})
	f("utm_term="+strings.Repeat("ü", 100), UTM{Term: strings.Repeat("ü", 64)})
	f("utm_term=a"+strings.Repeat("ü", 100), UTM{Term: "a" + strings.Repeat("ü", 63)})
	f("&&=&;utm_source=a&utm_source=a;b", UTM{Source: "a;b"})
}

func TestReadPageClickID(t *testing.T) {
	f := func(query string, want ClickID) {
		t.Helper()
		got, err := ReadPage("https://example.com/?" + query)
		if err != nil || got.ClickID != want {
			t.Errorf("click id of %q = %+v, %v, want %+v", query, got.ClickID, err, want)
		}
	}
	long := strings.Repeat("a", maxClickIDBytes)
	f("", ClickID{})
	f("gclid=Cj0K-_1", ClickID{"gclid", "Cj0K-_1"})
	f("fbclid=IwAR2&x=1", ClickID{"fbclid", "IwAR2"})
	f("li_fat_id=a-b", ClickID{"li_fat_id", "a-b"})
	f("fbclid=f&gclid=g", ClickID{"gclid", "g"})
	f("gclid=g&fbclid=f", ClickID{"gclid", "g"})
	f("gclid=1&gclid=2", ClickID{"gclid", "1"})
	f("gclid=&msclkid=m", ClickID{"msclkid", "m"})
	f("gclid=%00&msclkid=m", ClickID{"msclkid", "m"})
	f("gclid="+long, ClickID{"gclid", long})
	f("gclid=a"+long, ClickID{})
	f("clickid=a&GCLID=b", ClickID{})
}

func TestReferrerHost(t *testing.T) {
	f := func(referrer, pageHost, want string) {
		t.Helper()
		if got := ReferrerHost(referrer, pageHost); got != want {
			t.Errorf("ReferrerHost(%q, %q) = %q, want %q", referrer, pageHost, got, want)
		}
	}
	f("", "example.com", "")
	f("https://www.google.com/search?q=secret", "example.com", "www.google.com")
	f("https://News.Example.ORG:8080/a#b", "example.com", "news.example.org")
	f("https://example.com./", "example.org", "example.com")
	f("https://bücher.example/50%off", "example.com", "xn--bcher-kva.example")

	// The same site.
	f("https://example.com/other", "example.com", "example.com")
	f("http://EXAMPLE.com:81/", "example.com", "example.com")
	f("https://blog.shop.co.uk/", "www.shop.co.uk", "www.shop.co.uk")
	f("https://other.co.uk/", "www.shop.co.uk", "other.co.uk")
	f("https://alice.github.io/", "bob.github.io", "alice.github.io")
	f("http://localhost:3000/", "localhost", "localhost")
	f("http://10.0.0.1/", "127.0.0.1", "10.0.0.1") // addresses have no registrable domain, though both end alike
	f("http://192.168.0.1/", "10.1.0.1", "192.168.0.1")
	f("http://[2001:db8::1]/", "2001:db8::2", "2001:db8::1")

	// Apps.
	f("android-app://com.google.android.gm/", "example.com", "com.google.android.gm")
	f("android-app://com.slack", "slack.com", "com.slack")

	// Junk.
	f("about:blank", "example.com", "")
	f("null", "example.com", "")
	f("javascript:alert(1)", "example.com", "")
	f("ios-app://1234/", "example.com", "")
	f("/path", "example.com", "")
	f("https://", "example.com", "")
	f("https://a b/", "example.com", "")
	f("\x00\xff", "example.com", "")
	f("https://other.example/"+strings.Repeat("a", maxURLBytes), "example.com", "")
	f("https://user:secret@other.example/", "example.com", "other.example")
}

func FuzzPageURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/a/b?utm_source=x&gclid=y#z", "http://[::1]:80/%00%ff%2F%", "https://bücher.example/ü?utm_term=%",
		"android-app://com.slack/", "HTTP://user@h/", "https://a/%E2%80%AE?utm_source=%E2%80%AE", "//", "", "\xff",
		"https://a/?" + strings.Repeat("&fbclid=%", 50), "https://[fe80::1%25eth0]/", "https://ⓔxample。com/",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if host := ReferrerHost(in, "example.com"); host != "" && host != cleanHost(host) {
			t.Errorf("ReferrerHost(%q) = %q, which is not a clean host", in, host)
		}
		p, err := ReadPage(in)
		if err != nil {
			if p != (Page{}) {
				t.Errorf("ReadPage(%q) = %+v with an error", in, p)
			}
			return
		}
		for _, kept := range []struct {
			value string
			limit int
		}{
			{p.Host, maxHostBytes}, {p.Path, maxPathBytes}, {p.ClickID.Kind, 16}, {p.ClickID.Value, maxClickIDBytes},
			{p.UTM.Source, maxUTMBytes}, {p.UTM.Medium, maxUTMBytes}, {p.UTM.Campaign, maxUTMBytes},
			{p.UTM.Term, maxUTMBytes}, {p.UTM.Content, maxUTMBytes},
		} {
			if len(kept.value) > kept.limit || !utf8.ValidString(kept.value) || strings.ContainsFunc(kept.value, unicode.IsControl) {
				t.Errorf("ReadPage(%q) keeps %q, want at most %d bytes of clean text", in, kept.value, kept.limit)
			}
		}
		if p.Path[0] != '/' || strings.ContainsAny(p.Path, "?#") || (p.ClickID.Kind == "") != (p.ClickID.Value == "") {
			t.Errorf("ReadPage(%q) = %+v", in, p)
		}
		again, err := ReadPage("https://" + bracketed(p.Host) + "/")
		if err != nil || again.Host != p.Host {
			t.Errorf("ReadPage of the host %q = %+v, %v: want the same host", p.Host, again, err)
		}
	})
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func BenchmarkReadPage(b *testing.B) {
	const in = "https://www.example.com/products/blue-shoes?utm_source=newsletter&utm_medium=email&utm_campaign=spring&gclid=Cj0K"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadPage(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReferrerHost(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ReferrerHost("https://www.google.com/", "www.example.com")
	}
}
