package guard_test

import (
	"net/netip"
	"strings"
	"testing"

	"heed/collector/guard"
)

// proxies are what the tests trust.
var proxies = guard.Proxies{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("2001:db8:a::/48"),
}

// lines makes the lines of a header, one per line of text.
func lines(text string) (all [][]byte) {
	for _, line := range strings.Split(text, "\n") {
		all = append(all, []byte(line))
	}
	return all
}

func TestXForwardedFor(t *testing.T) {
	f := func(peer, text, want string) {
		t.Helper()
		got := proxies.XForwardedFor(netip.MustParseAddr(peer), lines(text))
		if want == "" && got.IsValid() || want != "" && got != netip.MustParseAddr(want) {
			t.Fatalf("XForwardedFor(%s, %q) = %v, want %q", peer, text, got, want)
		}
	}
	// Who is believed.
	f("192.0.2.1", "198.51.100.7", "192.0.2.1") // not a proxy: its word is nothing
	f("10.0.0.1", "198.51.100.7", "198.51.100.7")
	f("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7")
	f("192.0.2.1", "", "192.0.2.1")
	f("10.0.0.1", "", "10.0.0.1") // the proxy itself asks
	f("10.0.0.1", "10.9.9.9", "10.9.9.9")
	f("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7") // the left one is the client's word
	f("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7")
	f("10.0.0.1", "203.0.113.9\n198.51.100.7\n10.0.0.2", "198.51.100.7")
	f("10.0.0.1", "203.0.113.9,198.51.100.7\n10.0.0.2,10.0.0.3", "198.51.100.7")
	f("2001:db8:a::1", "2001:db8:b::1", "2001:db8:b::1")
	f("fe80::1%eth0", "198.51.100.7", "fe80::1")

	// How it is written.
	f("10.0.0.1", " 198.51.100.7 ", "198.51.100.7")
	f("10.0.0.1", "198.51.100.7,", "198.51.100.7")
	f("10.0.0.1", ",, 198.51.100.7 ,, ,", "198.51.100.7")
	f("10.0.0.1", "198.51.100.7:4711", "198.51.100.7")
	f("10.0.0.1", "2001:db8:b::1", "2001:db8:b::1")
	f("10.0.0.1", "[2001:db8:b::1]", "2001:db8:b::1")
	f("10.0.0.1", "[2001:db8:b::1]:4711", "2001:db8:b::1")
	f("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7")

	// What is no address leaves the client unknown, and is not skipped over to what the client wrote.
	for _, hop := range []string{"unknown", "_hidden", "198.51.100", "198.51.100.7.1", "198.51.100.07", "198.51.100.7:x", "198.51.100.7:", "198.51.100.7:123456",
		"[2001:db8:b::1", "2001:db8:b::1]", "[]", "[198.51.100.7]", "[2001:db8:b::1]x", "fe80::1%eth0", "a b", "\x00", "\"198.51.100.7\"", strings.Repeat("1", 100)} {
		f("10.0.0.1", "203.0.113.9, "+hop, "")
	}
}

func TestForwarded(t *testing.T) {
	f := func(peer, text, want string) {
		t.Helper()
		got := proxies.Forwarded(netip.MustParseAddr(peer), lines(text))
		if want == "" && got.IsValid() || want != "" && got != netip.MustParseAddr(want) {
			t.Fatalf("Forwarded(%s, %q) = %v, want %q", peer, text, got, want)
		}
	}
	f("192.0.2.1", "for=198.51.100.7", "192.0.2.1")
	f("10.0.0.1", "", "10.0.0.1")
	f("10.0.0.1", "for=198.51.100.7", "198.51.100.7")
	f("10.0.0.1", "For=198.51.100.7", "198.51.100.7")
	f("10.0.0.1", "for=198.51.100.7;proto=https;by=203.0.113.43", "198.51.100.7")
	f("10.0.0.1", "proto=https; by=203.0.113.43 ; for=198.51.100.7", "198.51.100.7")
	f("10.0.0.1", `for="198.51.100.7:4711"`, "198.51.100.7")
	f("10.0.0.1", `for="[2001:db8:b::1]"`, "2001:db8:b::1")
	f("10.0.0.1", `for="[2001:db8:b::1]:4711"`, "2001:db8:b::1")
	f("10.0.0.1", `for="[2001:db8:b::1]:_port"`, "2001:db8:b::1")
	f("10.0.0.1", "for=203.0.113.9, for=198.51.100.7, for=10.0.0.2", "198.51.100.7")
	f("10.0.0.1", "for=203.0.113.9\nfor=198.51.100.7", "198.51.100.7")
	f("10.0.0.1", `for=203.0.113.9, for=198.51.100.7;host="a,for=203.0.113.9"`, "198.51.100.7") // a comma in quotes
	f("10.0.0.1", `for=203.0.113.9, for=198.51.100.7;ext="\"", for=10.0.0.2`, "198.51.100.7")

	f("10.0.0.1", "for=198.51.100.7;", "198.51.100.7")

	for _, element := range []string{"for=unknown", "for=_hidden", `for="_hidden:80"`, "proto=https", "for", "for=", "=198.51.100.7", "for:198.51.100.7",
		"198.51.100.7", "for=198.51.100.7;for=203.0.113.9", "for=198.51.100.7 proto=https", "for =198.51.100.7", "for= 198.51.100.7",
		`for="198.51.100.7`, `for="198.51.100.7, for=203.0.113.9`, `for=198.51.100.7;x=", for=203.0.113.9`, `for="198\.51.100.7"`, `for="198.51.100.7"x`, "for=[2001:db8:b::1]", `for="[2001:db8:b::1"`, "for=198.51.100.7;proto"} {
		f("10.0.0.1", "for=203.0.113.9, "+element, "")
	}
}

func TestForwardedAllocatesNothing(t *testing.T) {
	peer := netip.MustParseAddr("10.0.0.1")
	list, elements := lines("203.0.113.9, 2001:db8:b::1, 10.0.0.2"), lines(`for=203.0.113.9, for="[2001:db8:b::1]:80";proto=https, for=10.0.0.2`)
	allocs := testing.AllocsPerRun(100, func() {
		if proxies.XForwardedFor(peer, list) != proxies.Forwarded(peer, elements) {
			t.Fatal("the two headers name two clients")
		}
	})
	if allocs != 0 {
		t.Fatalf("%v allocations, want 0", allocs)
	}
}

// FuzzForwarded wants an answer to any header that is no proxy's when the last hop is a client's, whatever stands before.
func FuzzForwarded(f *testing.F) {
	f.Add("for=203.0.113.9;by=\"_x\"", "203.0.113.9")
	f.Add("for=\"\\\"", "[::1]:80,\"")
	f.Fuzz(func(t *testing.T, elements, list string) {
		peer := netip.MustParseAddr("10.0.0.1")
		client := netip.MustParseAddr("198.51.100.7")
		if got := proxies.XForwardedFor(peer, lines(list+"\n198.51.100.7")); got != client {
			t.Fatalf("XForwardedFor behind %q = %v, want %v", list, got, client)
		}
		if got := proxies.Forwarded(peer, lines(elements+"\nfor=198.51.100.7")); got != client {
			t.Fatalf("Forwarded behind %q = %v, want %v", elements, got, client)
		}
		for _, got := range []netip.Addr{proxies.XForwardedFor(peer, lines(list)), proxies.Forwarded(peer, lines(elements))} {
			if got.Zone() != "" || got.Is4In6() {
				t.Fatalf("%q, %q: %v is not a plain address", list, elements, got)
			}
		}
	})
}
