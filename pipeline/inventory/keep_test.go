package inventory_test

import (
	"strings"
	"testing"

	"heed/pipeline/inventory"
)

func TestKeepHost(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		got, ok := inventory.KeepHost(host)
		if got != want || ok != (want != "") {
			t.Errorf("KeepHost(%q) = %q, %v, want %q", host, got, ok, want)
		}
		if again, ok := inventory.KeepHost(strings.TrimPrefix(got, "*.")); want != "" && (!ok || again != strings.TrimPrefix(got, "*.")) {
			t.Errorf("KeepHost(%q) = %q, %v, want it unchanged", got, again, ok)
		}
	}
	f("self", "self")
	f("example.com", "example.com")
	f("WWW.Example.com.", "www.example.com")
	f("a.b.cdn.example.co.uk", "*.cdn.example.co.uk")
	f("d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net") // somebody's own: *.cloudfront.net would be everybody's
	f("x.d111111abcdef8.cloudfront.net", "x.d111111abcdef8.cloudfront.net")
	f("i1.tracker.example", "i1.tracker.example")
	f("4711471147.tracker.example", "*.tracker.example")
	f("john.smith.born19700101.tracker.example", "*.tracker.example")
	f("0198c0de-0000-7000-8000-000000000001.tracker.example", "*.tracker.example")
	f("a-label-of-more-than-twenty-bytes.tracker.example", "*.tracker.example")
	f("xn--bcher-kva.example", "xn--bcher-kva.example")
	f("_dmarc.tracker.example", "_dmarc.tracker.example")
	f("", "")
	f("localhost", "")
	f("com", "")
	f("co.uk", "")
	f("192.168.0.1", "")
	f("[2001:db8::1]", "")
	f("2001:db8::1", "")
	f("tracker.example:8443", "")
	f("tracker.example/path", "")
	f("a..example", "")
	f("-a.tracker.example", "")
	f("john@tracker.example", "")
	f("bücher.example", "")
	f(strings.Repeat("a.", 126)+"example", "")
}

func TestKeepName(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		got, ok := inventory.KeepName(name)
		if got != want || ok != (want != "") {
			t.Errorf("KeepName(%q) = %q, %v, want %q", name, got, ok, want)
		}
		if again, _ := inventory.KeepName(got); again != got {
			t.Errorf("KeepName(%q) = %q, want it unchanged", got, again)
		}
	}
	f("_ga", "_ga")
	f("_ga_AB12CD34EF", "_ga_#")
	f("_ga_XY123ZW456", "_ga_XY#ZW#")
	f("_hjSessionUser_3456789", "_hjSessionUser_#")
	f("1P_JAR", "1P_JAR")
	f("_gat_gtag_UA_12345678_1", "_gat_gtag_UA_#_1")
	f("AMCV_6B29A1CF5A0F4E8A0A495C2E%40AdobeOrg", "")
	f("AMCV_6B29A1CF5A0F4E8A0A495C2E", "AMCV_#")
	f("0198c0de-0000-7000-8000-000000000001", "#")
	f("id:0198C0DE-0000-7000-8000-000000000001:x", "id:#:x")
	f("12-34-56-78", "#-#-#-#") // a number in pieces
	f("s1", "s1")
	f("john@smith.example", "")
	f("two words", "")
	f("tab\t", "")
	f("größe", "")
	f("", "")
	f(strings.Repeat("n", 129), "")
	f(strings.Repeat("n", 128), strings.Repeat("n", 128))
}

// FuzzKeep: what is kept has no identifier in it, and is kept as it is.
func FuzzKeep(f *testing.F) {
	for _, seed := range []string{"a.b.example.com", "_ga_AB12CD34EF", "0198c0de-0000-7000-8000-000000000001", "x@y.example", "1a2b3c4d5e6f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if name, ok := inventory.KeepName(text); ok {
			if again, ok := inventory.KeepName(name); !ok || again != name {
				t.Fatalf("KeepName(%q) = %q, and of that %q, %v", text, name, again, ok)
			}
			digits := 0
			for _, c := range name {
				if c >= '0' && c <= '9' {
					digits++
				}
			}
			if digits > 4 {
				t.Fatalf("KeepName(%q) = %q, want at most 4 digits", text, name)
			}
		}
		if host, ok := inventory.KeepHost(text); ok && (len(host) > 253 || strings.ContainsAny(host, "@:/ ")) {
			t.Fatalf("KeepHost(%q) = %q", text, host)
		}
	})
}
