package guard_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"heed/collector/guard"
)

const maxFields = 100

// browserHead is what Chromium sends with a batch, 600 and some bytes.
const browserHead = "POST /h/k1/ordinary HTTP/1.1\r\n" +
	"Host: stats.shop.example\r\n" +
	"Connection: keep-alive\r\n" +
	"Content-Length: 412\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"141\", \"Not?A_Brand\";v=\"8\"\r\n" +
	"Content-Type: text/plain;charset=UTF-8\r\n" +
	"sec-ch-ua-mobile: ?0\r\n" +
	"Accept: */*\r\n" +
	"Origin: https://shop.example\r\n" +
	"Sec-Fetch-Site: same-site\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Referer: https://shop.example/\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n" +
	"\r\n"

func TestCheckSuccess(t *testing.T) {
	f := func(head string, want guard.Framing) {
		t.Helper()
		got, err := guard.Check([]byte(head), maxFields)
		if err != nil || got != want {
			t.Fatalf("Check(%q) = %v, %v, want %v", head, got, err, want)
		}
	}
	f(browserHead, guard.Framing{Length: 412})
	f("GET / HTTP/1.1\r\nHost: a\r\n\r\n", guard.Framing{})
	f("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", guard.Framing{}) // an old client's line end behind a body
	f("GET / HTTP/1.0\r\n\r\n", guard.Framing{})                // Host came with 1.1
	f("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", guard.Framing{})
	f("GET http://a:80/x?y HTTP/1.1\r\nHost: A:80\r\n\r\n", guard.Framing{})
	f("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n", guard.Framing{})
	f("GET / HTTP/1.1\r\nHost:[2001:db8::1]:8080\r\n\r\n", guard.Framing{})
	f("GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", guard.Framing{})
	f("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n", guard.Framing{Chunked: true})
	f("POST / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH:007\r\n\r\n", guard.Framing{Length: 7})
	f("GET / HTTP/1.1\r\nHost: a\r\nX-Name: caf\xc3\xa9\ttab\r\nEmpty:\r\n\r\n", guard.Framing{})
	f("GET / HTTP/1.1\r\nHost: a\r\nHostage: b\r\nXost: b\r\nContent-Lengtx: 1\r\nTransfer-Encodinh: 1\r\n\r\n", guard.Framing{})
}

func TestCheckFailure(t *testing.T) {
	f := func(head, rule string) {
		t.Helper()
		_, err := guard.Check([]byte(head), maxFields)
		var fault *guard.Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.Error(), rule) {
			t.Fatalf("Check(%q): %v, want a fault that says %q", head, err, rule)
		}
	}
	field := func(line, rule string) {
		t.Helper()
		f("POST / HTTP/1.1\r\nHost: a\r\n"+line+"\r\n\r\n", rule)
	}
	// How lines end.
	f("GET / HTTP/1.1\nHost: a\r\n\r\n", "bare line feed")
	f("GET / HTTP/1.1\r\nHost: a\n\r\n", "bare line feed")
	f("GET / HTTP/1.1\r\nHost: a\r\n\n", "bare line feed")
	f("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "carriage return stands alone")
	field("X: a\rTransfer-Encoding: chunked", "carriage return stands alone")
	field("X: a\r", "carriage return stands alone")
	field("X\r: a", "carriage return stands alone")
	f("GET / HTTP/1.1\r\nHost: a\r\n", "does not end")
	f("GET / HTTP/1.1\r\nHost: a\r\n\r\nX", "does not end")
	f("", "bare line feed")

	// The request line.
	f("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET / x HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET /\r\nHost: a\r\n\r\n", "request line")
	f(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "request line")
	f("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "request line")
	f("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "request line")
	f("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "request line")
	f("GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", "control character")
	f("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "version")
	f("GET / http/1.1\r\nHost: a\r\n\r\n", "version")
	f("PRI * HTTP/2.0\r\n\r\n", "version")
	f("GET /# HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "target")
	f("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target")
	f("GET http://a/ HTTP/1.0\r\n\r\n", "target")

	// Names and values.
	field(" X: a", "folding")
	field("X: a\r\n\tb", "folding")
	field("Content-Length : 5", "before the colon")
	field("Transfer-Encoding\t: chunked", "before the colon")
	field(": a", "no name")
	field("Xa", "no name")
	field("X y: a", "before the colon")
	field("X\x00: a", "control character")
	field("X\xe9: a", "no name")
	field("X: a\x00b", "control character")
	field("X: a\x7fb", "control character")
	field("X: 0123456789\x1f", "control character")
	field("X: \x010123456789", "control character")

	// Host.
	f("GET / HTTP/1.1\r\n\r\n", "Host is missing")
	field("Host: a", "Host stands there more than once")
	field("hOsT: b", "Host stands there more than once")
	f("GET / HTTP/1.1\r\nHost:\r\n\r\n", "Host is not")
	f("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host is not")
	f("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "Host is not")
	f("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "Host is not")
	f("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", "Host is not")

	// Lengths.
	field("Content-Length: 5\r\nContent-Length: 6", "Content-Length stands there more than once")
	field("Content-Length: 5\r\nContent-Length: 5", "Content-Length stands there more than once")
	for _, value := range []string{"", "+5", "-5", "5, 5", "5 5", "0x5", "5.0", "5_0", "\xef\xbc\x95", "9999999999999999999"} {
		field("Content-Length: "+value, "not one decimal number")
	}
	field("Content-Length: 5\r\nTransfer-Encoding: chunked", "stand there together")
	field("Transfer-Encoding: chunked\r\nContent-Length: 5", "stand there together")
	field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "not exactly chunked")
	for _, value := range []string{"", "identity", "gzip, chunked", "chunked, chunked", "chunked;q=1", "\x0bchunked", "\"chunked\"", "xchunked", "\xc3\xa7hunked", "c\x17unked"} {
		field("Transfer-Encoding: "+value, "")
	}
	f("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.1")
}

func TestCheckFieldsBound(t *testing.T) {
	head := func(n int) []byte {
		return []byte("GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", n-1) + "\r\n")
	}
	if _, err := guard.Check(head(maxFields), maxFields); err != nil {
		t.Fatalf("Check with %d lines: %v, want none", maxFields, err)
	}
	_, err := guard.Check(head(maxFields+1), maxFields)
	var fault *guard.Fault
	if !errors.As(err, &fault) || !fault.TooLarge {
		t.Fatalf("Check with %d lines: %v, want a fault that is TooLarge", maxFields+1, err)
	}
}

func TestCheckPartsIsCheck(t *testing.T) {
	f := func(head string) {
		t.Helper()
		line, fields, _ := bytes.Cut([]byte(head), []byte("\r\n"))
		parts := bytes.SplitN(line, []byte(" "), 3)
		got, gotErr := guard.CheckParts(parts[0], parts[1], parts[2], fields, maxFields)
		want, wantErr := guard.Check([]byte(head), maxFields)
		if got != want || gotErr != wantErr {
			t.Fatalf("CheckParts(%q) = %v, %v, want what Check says: %v, %v", head, got, gotErr, want, wantErr)
		}
	}
	f(browserHead)
	f("GET / HTTP/1.0\r\n\r\n")
	f("GET / HTTP/1.1\r\n\r\n")
	f("GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n")
	f("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n")
	if _, err := guard.CheckParts([]byte("GET"), []byte("/"), []byte("HTTP/1.0"), nil, maxFields); err != nil {
		t.Fatalf("CheckParts without fields: %v, want none", err)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	good, bad := []byte(browserHead), []byte(strings.Replace(browserHead, "Origin:", "Origin :", 1))
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := guard.Check(good, maxFields); err != nil {
			t.Fatal(err)
		}
		if _, err := guard.Check(bad, maxFields); err == nil {
			t.Fatal("want a fault")
		}
	})
	if allocs != 0 {
		t.Fatalf("Check allocates %v times, want 0", allocs)
	}
}

func BenchmarkCheck(b *testing.B) {
	head := []byte(browserHead)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := guard.Check(head, maxFields); err != nil {
			b.Fatal(err)
		}
	}
}
