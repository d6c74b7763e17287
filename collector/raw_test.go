package collector_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// rawDial connects as no HTTP client would let us.
func rawDial(t testing.TB, e *edge) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// rawAnswer reads one answer and then the end of the connection.
func rawAnswer(t testing.TB, conn net.Conn) answer {
	t.Helper()
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("behind the answer: %q, %v, want the end without a reset", rest, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// rawExchange sends text and reads the answer, which must end the connection.
func rawExchange(t testing.TB, e *edge, text string) answer {
	t.Helper()
	conn := rawDial(t, e)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return rawAnswer(t, conn)
}

// liveHeap returns the bytes that are still in use after collection; twice, since pools survive one.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
