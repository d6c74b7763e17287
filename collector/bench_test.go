package collector_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"heed/collector"
	"heed/consent"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

// nullLog makes nothing durable: these benchmarks measure the edge alone.
type nullLog struct{}

func (nullLog) Append(context.Context, []*schemas.Envelope) (wal.Pos, error) { return wal.Pos{}, nil }

func newBenchCollector(tb testing.TB) *collector.Collector {
	tb.Helper()
	logger := slog.New(slog.DiscardHandler)
	enricher, err := enrich.Open(context.Background(), enrich.Config{}, logger)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(enricher.Close)
	c, err := collector.New(collector.Config{Prefix: "/h", Sites: []collector.Site{testSite()}}, collector.Logs{Events: nullLog{}, Consent: nullLog{}}, enricher, logger)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func benchRequest(tb testing.TB, events int) string {
	tb.Helper()
	changes := make([]func(*schemas.Event), events)
	for i := range changes {
		changes[i] = asIs
	}
	b := batch(changes...)
	b.Choice = sealed(consent.Performance)
	body := encode(tb, b)
	return head("POST", "/h/k1/ordinary", text, "User-Agent: "+userAgent, "Cookie: heed_v_k1=0123456789abcdef0123456789abcdef",
		fmt.Sprintf("Content-Length: %d", len(body))) + body
}

// BenchmarkHandler measures decode, decide and enrich without a connection.
func BenchmarkHandler(b *testing.B) {
	for _, events := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			handle := newBenchCollector(b).Handler()
			ctx := newRequest(b, benchRequest(b, events))
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				handle(ctx)
			}
			if ctx.Response.StatusCode() != fasthttp.StatusAccepted {
				b.Fatalf("status = %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		})
	}
}

// BenchmarkConnection measures the same behind a keep-alive connection in memory.
func BenchmarkConnection(b *testing.B) {
	for _, events := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			c := newBenchCollector(b)
			ln := fasthttputil.NewInmemoryListener()
			go c.Serve(ln)
			defer c.Shutdown(context.Background())
			conn, err := ln.Dial()
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			request, r := []byte(benchRequest(b, events)), bufio.NewReader(conn)
			var resp fasthttp.Response
			b.ReportAllocs()
			b.SetBytes(int64(len(request)))
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if err := resp.Read(r); err != nil || resp.StatusCode() != fasthttp.StatusAccepted {
					b.Fatalf("answer = %d, %v", resp.StatusCode(), err)
				}
			}
		})
	}
}

// TestAllocations holds the way of a batch, from the parsed request to the log, to allocating nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		return
	}
	for _, events := range []int{1, 10, 50} {
		handle := newBenchCollector(t).Handler()
		ctx := newRequest(t, benchRequest(t, events))
		got := testing.AllocsPerRun(200, func() {
			ctx.Response.Reset()
			handle(ctx)
		})
		if ctx.Response.StatusCode() != fasthttp.StatusAccepted {
			t.Fatalf("status = %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
		}
		if budget := 0.0; got > budget {
			t.Errorf("a batch of %d events allocates %v times, want at most %v", events, got, budget)
		}
	}
}

// TestLaneAllocations holds the whole way of a batch, from the socket to the answer, to the same.
func TestLaneAllocations(t *testing.T) {
	if raceEnabled {
		return
	}
	c := newBenchCollector(t)
	ln := fasthttputil.NewInmemoryListener()
	var serving sync.WaitGroup
	serving.Go(func() { c.Serve(ln) })
	defer serving.Wait()
	defer c.Shutdown(context.Background())
	conn, err := ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, r := []byte(benchRequest(t, 10)), bufio.NewReader(conn)
	var resp fasthttp.Response
	got := testing.AllocsPerRun(200, func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if err := resp.Read(r); err != nil || resp.StatusCode() != fasthttp.StatusAccepted {
			t.Fatalf("answer = %d, %v", resp.StatusCode(), err)
		}
	})
	if budget := 0.0; got > budget {
		t.Errorf("a batch on a connection allocates %v times, want at most %v", got, budget)
	}
}

// newRequest parses a request as the server would.
func newRequest(tb testing.TB, text string) *fasthttp.RequestCtx {
	tb.Helper()
	near, far := net.Pipe()
	tb.Cleanup(func() { near.Close(); far.Close() })
	go far.Write([]byte(text))
	ctx := new(fasthttp.RequestCtx)
	ctx.Init2(near, nil, false)
	if err := ctx.Request.Read(bufio.NewReader(near)); err != nil {
		tb.Fatal(err)
	}
	return ctx
}
