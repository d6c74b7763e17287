package listen_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"heed/collector/listen"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// header2 returns a header of version 2: command 0 LOCAL or 1 PROXY, family and what follows.
func header2(command, family byte, rest []byte) string {
	h := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, family)
	h = binary.BigEndian.AppendUint16(h, uint16(len(rest)))
	return string(append(h, rest...))
}

// from2 is an address part of version 2: TCP over IPv4 from 198.51.100.7:4711.
var from2 = []byte{198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80}

func TestProxyHeaders(t *testing.T) {
	ln := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, Proxy: listen.Proxy{From: loopback}})[0]
	greet(t, ln)
	f := func(header, want string) {
		t.Helper()
		if got := say(t, dial(t, ln.Addr()), header+"hello\n"); got != want {
			t.Fatalf("%q is answered %q, want %q", header, got, want)
		}
	}
	f("PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\n", "198.51.100.7:4711 said hello\n")
	f("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "[2001:db8::7]:4711 said hello\n")
	f(header2(1, 0x11, from2), "198.51.100.7:4711 said hello\n")
	f(header2(1, 0x11, append(from2, 0x04, 0, 3, 'a', 'b', 'c')), "198.51.100.7:4711 said hello\n") // with a TLV

	// Health checks of the proxy itself.
	for _, header := range []string{"PROXY UNKNOWN\r\n", header2(0, 0, nil)} {
		got := say(t, dial(t, ln.Addr()), header+"hello\n")
		if !strings.HasPrefix(got, "127.0.0.1:") {
			t.Fatalf("%q is answered %q, want the proxy's own address", header, got)
		}
	}
}

func TestProxyHeadersHostile(t *testing.T) {
	ln := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, Proxy: listen.Proxy{From: loopback, HeaderTimeout: 50 * time.Millisecond}})[0]
	greet(t, ln)
	f := func(header string) {
		t.Helper()
		if got := say(t, dial(t, ln.Addr()), header+"hello\n"); got != "" {
			t.Fatalf("%q is answered %q, want the connection closed", header, got)
		}
	}
	f("") // a trusted proxy must send one
	f("GET / HTTP/1.1\r\n")
	f("PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n")
	f("PROXY TCP4 198.51.100.7 192.0.2.1 4711 99999\r\n")
	f("PROXY TCP4 198.51.100.7 192.0.2.1 -1 80\r\n")
	f("PROXY TCP4 2001:db8::7 192.0.2.1 4711 80\r\n")
	f("PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\n")
	f("PROXY TCP9 198.51.100.7 192.0.2.1 4711 80\r\n")
	f("PROXY TCP4  198.51.100.7 192.0.2.1 4711 80\r\n")
	f("PROXY " + strings.Repeat("x", 200) + "\r\n")
	f("PROXY TCP4 198.51.100.7") // cut short
	f(header2(1, 0x11, from2[:5]))
	f(header2(2, 0x11, from2)) // no such command
	f(header2(1, 0x11, from2)[:20])
	f("\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + string(from2)) // version 3
	f("\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff" + string(from2)) // longer than what comes
}

// TestProxyHeaderFromStranger: whoever is not a configured proxy is taken as it is, and its header is only bytes.
func TestProxyHeaderFromStranger(t *testing.T) {
	for _, from := range [][]netip.Prefix{nil, {netip.MustParsePrefix("192.0.2.0/24")}} {
		ln := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, Proxy: listen.Proxy{From: from}})[0]
		greet(t, ln)
		got := say(t, dial(t, ln.Addr()), "PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\nhello\n")
		if !strings.HasPrefix(got, "127.0.0.1:") || !strings.Contains(got, "said PROXY") {
			t.Fatalf("from %v: answered %q, want the peer's own address and its bytes", from, got)
		}
	}
}

func TestProxyHeaderOnUnixSocket(t *testing.T) {
	for _, send := range []bool{true, false} {
		path := t.TempDir() + "/s.sock"
		ln := open(t, listen.Config{Addresses: []string{"unix:" + path}, Proxy: listen.Proxy{Unix: send, From: loopback}})[0]
		greet(t, ln)
		got := say(t, dial(t, ln.Addr()), "PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\nhello\n")
		if strings.HasPrefix(got, "198.51.100.7:4711 said hello") != send {
			t.Fatalf("unix %v: answered %q", send, got)
		}
	}
}

// TestProxySilentPeer: a proxy's connection without a header ends after its deadline, and others do not wait for it.
func TestProxySilentPeer(t *testing.T) {
	ln := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, Proxy: listen.Proxy{From: loopback, HeaderTimeout: time.Second}})[0]
	greet(t, ln)
	silent := dial(t, ln.Addr())
	for range 20 {
		if got := say(t, dial(t, ln.Addr()), "PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\nhello\n"); got != "198.51.100.7:4711 said hello\n" {
			t.Fatalf("beside a silent peer: answered %q", got)
		}
	}
	if got := say(t, silent, ""); got != "" { // returns only when the server has closed it
		t.Fatalf("the silent peer is answered %q", got)
	}
}

func TestProxyConnClosesHalves(t *testing.T) {
	ln := open(t, listen.Config{Addresses: []string{"127.0.0.1:0"}, Proxy: listen.Proxy{From: loopback}})[0]
	client := dial(t, ln.Addr())
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatalf("CloseWrite: %v", err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("Read = %d, %v, want the end", n, err)
	}
}
