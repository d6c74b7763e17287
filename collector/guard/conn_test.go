package guard_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
)

var limits = guard.Limits{HeadBytes: 4096, Fields: maxFields}

// bytesConn is a connection that has received all it ever will.
type bytesConn struct {
	net.Conn
	io.Reader
}

func (c bytesConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// oneListener accepts one connection.
type oneListener struct {
	net.Listener
	conn net.Conn
}

func (l oneListener) Accept() (net.Conn, error) { return l.conn, nil }

// guarded returns a Conn that receives what r gives.
func guarded(t testing.TB, r io.Reader) net.Conn {
	t.Helper()
	conn, err := guard.NewListener(oneListener{conn: bytesConn{Reader: r}}, limits).Accept()
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	return conn
}

const (
	getA   = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	postB  = "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	chunks = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0000000B\r\nhello world\r\n00a\r\n0123456789\r\n0\r\n\r\n"
)

func TestConnPassesGoodStreams(t *testing.T) {
	f := func(stream string) {
		t.Helper()
		for name, r := range map[string]io.Reader{
			"at once":    strings.NewReader(stream),
			"in bytes":   iotest.OneByteReader(strings.NewReader(stream)),
			"in halves":  iotest.HalfReader(strings.NewReader(stream)),
			"with error": iotest.DataErrReader(strings.NewReader(stream)),
		} {
			got, err := io.ReadAll(guarded(t, r))
			if err != nil || string(got) != stream {
				t.Fatalf("%s: read %q, %v, want %q", name, got, err, stream)
			}
		}
	}
	f("")
	f(getA)
	f("\r\n" + getA)
	f(postB + "\r\n" + getA) // an old client's line end
	f(getA + getA + postB + chunks + postB + getA)
	f(browserHead + strings.Repeat("\n\n\r \x00", 412/5) + "xx" + getA) // a body may hold anything
	f(getA[:20])                                                        // cut short: the server's matter
	f(chunks[:80])
}

// A head is kept while its body is to come, and no longer than until something else is read.
func TestHeadOf(t *testing.T) {
	headB, _ := strings.CutSuffix(postB, "hello")
	headC, rest, _ := strings.Cut(chunks, "0000000B")
	pieces := []struct{ text, head string }{
		{getA, ""},
		{postB, ""},
		{headB, headB}, {"he", headB}, {"llo", headB},
		{getA, ""},
		{headB[:10], ""}, {headB[10:] + "h", headB}, {"ello" + getA, ""},
		{headC, headC}, {"0000000B" + rest, headC},
		{headB + "hell", headB}, {"o" + headC, headC},
	}
	var readers []io.Reader
	for _, piece := range pieces {
		readers = append(readers, strings.NewReader(piece.text))
	}
	conn, room := guarded(t, io.MultiReader(readers...)), make([]byte, 1<<10)
	for i, piece := range pieces {
		if n, err := conn.Read(room); err != nil || string(room[:n]) != piece.text {
			t.Fatalf("read %q, %v, want %q", room[:n], err, piece.text)
		}
		if got := string(guard.HeadOf(conn)); got != piece.head {
			t.Errorf("behind piece %d, %q: head = %q, want %q", i, piece.text, got, piece.head)
		}
	}
}

func TestConnStopsBadStreams(t *testing.T) {
	f := func(good, bad string) {
		t.Helper()
		stream := good + bad
		for name, r := range map[string]io.Reader{
			"at once":  strings.NewReader(stream),
			"in bytes": iotest.OneByteReader(strings.NewReader(stream)),
		} {
			conn := guarded(t, r)
			got, err := io.ReadAll(conn)
			var fault *guard.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("%s: %q: error %v, want a fault", name, stream, err)
			}
			if !strings.HasPrefix(stream, string(got)) || len(got) < len(good) || len(got) == len(stream) {
				t.Fatalf("%s: %q: read %q, want %q and not all of what follows", name, stream, got, good)
			}
			if n, err := conn.Read(make([]byte, 10)); n != 0 || !errors.As(err, &fault) {
				t.Fatalf("%s: second Read = %d, %v, want the fault again", name, n, err)
			}
		}
	}
	f("", "GET / HTTP/1.1\nHost: a\r\n\r\n")
	f("", "GET / HTTP/1.1\r\nHost: a\n\n")
	f(getA, "GET / HTTP/1.1\r\nHost: a\r\n\n")
	f(getA+postB, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n")
	f(postB, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f(getA, "\n"+getA)
	f(getA, "\r\n\r\n"+getA)
	f(getA, "\r\n\r\n\r\n")
	f(getA, strings.Repeat("\r\n", limits.HeadBytes))
	f(getA, "GET /"+strings.Repeat("x", limits.HeadBytes)+" HTTP/1.1\r\nHost: a\r\n\r\n")
	f("", strings.Repeat("x", limits.HeadBytes+1))

	// Chunks.
	head := strings.SplitAfter(chunks, "\r\n\r\n")[0]
	f(head, "\r\n")
	f(head, "g\r\n")
	f(head, "-1\r\n")
	f(head, "0x1\r\nx\r\n0\r\n\r\n")
	f(head, "1\nx\n0\n\n")
	f(head, "1;ext=1\r\nx\r\n0\r\n\r\n")
	f(head, "1 \r\nx\r\n0\r\n\r\n")
	f(head, "1\r\nxy\r\n0\r\n\r\n")
	f(head, "1\r\nx\n0\r\n\r\n")
	f(head, "1\r\rx\r\n0\r\n\r\n")
	f(head, "000000001\r\nx\r\n0\r\n\r\n")
	f(head, "0\r\nTrailer: x\r\n\r\n")
	f(head, "0\r\n\nGET / HTTP/1.1\r\n")
	f(head, "0\r\n\rx")
}

// TestConnBeforeFasthttp shows what this package is for: behind a Conn fasthttp answers 400 and goes no further, also
// where a good request came first and the bad one hides another.
func TestConnBeforeFasthttp(t *testing.T) {
	ln := guard.NewListener(listen(t), limits)
	faults := make(chan error, 1)
	handled := make(chan string, 16)
	server := &fasthttp.Server{
		Handler: func(ctx *fasthttp.RequestCtx) { handled <- string(ctx.Path()) },
		ErrorHandler: func(ctx *fasthttp.RequestCtx, err error) {
			faults <- err
			ctx.SetStatusCode(fasthttp.StatusBadRequest)
		},
		Logger: discardLogger{},
	}
	serve(t, server, ln)

	f := func(bad string) {
		t.Helper()
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for i, request := range []string{getA, bad + "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"} {
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatalf("write: %v", err)
			}
			line, err := answers.ReadString('\n')
			if want := []string{"200", "400"}[i]; err != nil || !strings.Contains(line, want) {
				t.Fatalf("%q: answer %q, %v, want %s", request, line, err, want)
			}
			if i == 0 {
				skipHead(t, answers)
			}
		}
		rest, _ := io.ReadAll(answers) // a reset is as good an end as any
		if bytes.Contains(rest, []byte("HTTP/1.1 ")) {
			t.Fatalf("%q: a second answer follows: %q", bad, rest)
		}
		// In a trailer fasthttp makes every error one of its own.
		if err := <-faults; !errors.As(err, new(*guard.Fault)) && !strings.Contains(err.Error(), "unexpected EOF") {
			t.Fatalf("%q: fasthttp found the fault, not the guard: %v", bad, err)
		}
		if path := <-handled; path != "/a" || len(handled) > 0 {
			t.Fatalf("%q: handled %q and %d more, want /a only", bad, path, len(handled))
		}
	}
	f("GET /b HTTP/1.1\nHost: a\r\n\r\n")
	f("GET /b HTTP/1.1\r\nHost: a\n\n")
	f("GET /b HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n")
	f("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello")
	f("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n")
	f("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")
}

// TestConnOverTLS: fasthttp still sees that there is TLS, and the connection beneath can be had.
func TestConnOverTLS(t *testing.T) {
	issuer := httptest.NewTLSServer(nil) // for its certificate
	defer issuer.Close()
	accepted := make(chan net.Conn, 1)
	ln := guard.NewListener(tls.NewListener(listen(t), &tls.Config{Certificates: issuer.TLS.Certificates}), limits)
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		accepted <- guard.Inner(ctx.Conn())
		fmt.Fprint(ctx, ctx.IsTLS())
	}}
	serve(t, server, ln)
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatalf("write: %v", err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "true") {
		t.Fatalf("IsTLS: %q, %v, want true", answer, err)
	}
	if inner, ok := (<-accepted).(*tls.Conn); !ok {
		t.Fatalf("Inner = %T, want *tls.Conn", inner)
	}
}

// TestRawHeadersAreWhatWasReceived holds fasthttp to what doc.go says of it.
func TestRawHeadersAreWhatWasReceived(t *testing.T) {
	f := func(fields string) {
		t.Helper()
		var h fasthttp.RequestHeader
		if err := h.Read(bufio.NewReader(strings.NewReader("GET /x?y HTTP/1.1\r\n" + fields + "rest"))); err != nil {
			t.Fatalf("fasthttp refuses %q: %v", fields, err)
		}
		if got := h.RawHeaders(); string(got) != fields {
			t.Fatalf("RawHeaders() = %q, want %q", got, fields)
		}
		if _, err := guard.CheckParts(h.Method(), h.RequestURI(), h.Protocol(), h.RawHeaders(), maxFields); err == nil {
			t.Fatalf("CheckParts takes %q, want a fault", fields)
		}
	}
	f("hOST: a\nx-lower: b\r\n\r\n")
	f("Host: a\r\nX: b\r\n\tc\r\n\r\n")
	f("Host: a\nX: b\r\n\r\n")
	f("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
	f("Host: a\r\nTransfer-Encoding: identity\r\n\r\n")
}

// FuzzConn feeds streams to a Conn in two ways and lets fasthttp read what comes through: the verdict must not depend on
// how the bytes arrive, and fasthttp must find as many requests as the guard saw.
func FuzzConn(f *testing.F) {
	f.Add([]byte(getA+postB+chunks), 7)
	f.Add([]byte("\r\n"+chunks+"\n"+getA), 1)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\n"+getA), 20)
	f.Add([]byte(postB[:len(postB)-5]+getA), 3)
	f.Add([]byte("GET"+postB[4:]+getA), 10)
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"+getA), 10)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		whole, wholeErr := io.ReadAll(guarded(t, bytes.NewReader(stream)))
		cut = max(0, min(cut, len(stream)))
		parts := io.MultiReader(bytes.NewReader(stream[:cut]), iotest.OneByteReader(bytes.NewReader(stream[cut:])))
		_, partsErr := io.ReadAll(guarded(t, parts))
		if wholeErr != partsErr {
			t.Fatalf("at once %v, in parts %v", wholeErr, partsErr)
		}
		if !bytes.HasPrefix(stream, whole) || wholeErr == nil && len(whole) != len(stream) {
			t.Fatalf("passed %q of %q", whole, stream)
		}
		for r := bufio.NewReader(bytes.NewReader(whole)); ; {
			var req fasthttp.Request
			if req.ReadLimitBody(r, 1<<20) != nil || req.MayContinue() && req.ContinueReadBody(r, 1<<20) != nil {
				break
			}
			head := fmt.Appendf(nil, "%s %s %s\r\n%s", req.Header.Method(), req.Header.RequestURI(), req.Header.Protocol(), req.Header.RawHeaders())
			framing, err := guard.Check(head, maxFields)
			if err != nil && len(req.Header.RawHeaders()) > 0 {
				t.Fatalf("fasthttp reads %q, which the guard refuses: %v", head, err)
			}
			if !framing.Chunked && framing.Length != int64(len(req.Body())) {
				t.Fatalf("fasthttp reads %d bytes of body, the guard %d", len(req.Body()), framing.Length)
			}
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return ln
}

func serve(t *testing.T, server *fasthttp.Server, ln net.Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-done); err != nil {
			t.Errorf("server: %v", err)
		}
	})
}

func skipHead(t *testing.T, r *bufio.Reader) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("read answer: %v", err)
		}
		if line == "\r\n" {
			return
		}
	}
}

type discardLogger struct{}

func (discardLogger) Printf(string, ...any) {}

func BenchmarkConn(b *testing.B) {
	stream := []byte(browserHead + strings.Repeat("x", 412))
	r := bytes.NewReader(nil)
	conn := guarded(b, r)
	buf := make([]byte, 8192)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(stream)
		if n, err := conn.Read(buf); n != len(stream) || err != nil {
			b.Fatal(n, err)
		}
	}
}
