package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/schemas"
)

func TestMakerSendsWhatItSays(t *testing.T) {
	m := newMaker(benchTarget("", false), 3, 1, 2)
	for range 2 { // what is made again into the same memory is whole, too
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(m.next())))
		if err != nil {
			t.Fatalf("read request: %v", err)
		}
		if request.Method != http.MethodPost || request.URL.Path != "/s/bench/ordinary" || request.Header.Get("Origin") != siteOrigin {
			t.Errorf("request = %s %s from %q", request.Method, request.URL, request.Header.Get("Origin"))
		}
		if address := request.Header.Get("X-Forwarded-For"); net.ParseIP(address).To4() == nil {
			t.Errorf("X-Forwarded-For = %q, want an IPv4 address", address)
		}
		decoder := json.NewDecoder(request.Body)
		decoder.DisallowUnknownFields()
		var batch schemas.Batch
		if err := decoder.Decode(&batch); err != nil {
			t.Fatalf("decode batch: %v", err)
		}
		var ids []uuid.UUID
		for _, ev := range batch.Events {
			id, err := uuid.Parse(ev.ID)
			if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
				t.Errorf("id %q: %v, want a UUIDv7", ev.ID, err)
			}
			ids = append(ids, id)
		}
		if len(ids) != 3 || !slices.Equal(ids, m.ids) {
			t.Errorf("ids sent are %v, ids told %v", ids, m.ids)
		}
	}
}

func TestMakerIsSeeded(t *testing.T) {
	address := func(seed, connection uint64) string {
		m := newMaker(benchTarget("", true), 1, seed, connection)
		m.next()
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(m.next())))
		if err != nil {
			t.Fatalf("read request: %v", err)
		}
		return request.Header.Get("X-Forwarded-For")
	}
	if a, b := address(1, 2), address(1, 2); a != b {
		t.Errorf("the same seed gives %s and %s", a, b)
	}
	if a, b := address(1, 2), address(1, 3); a == b {
		t.Errorf("two connections both give %s", a)
	}
}

// answerAll answers every request with the same bytes and counts them.
func answerAll(t *testing.T, answer string) (address string, requests *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = &atomic.Int64{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				for reader := bufio.NewReader(conn); ; {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					io.Copy(io.Discard, request.Body)
					requests.Add(1)
					io.WriteString(conn, answer)
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return ln.Addr().String(), requests
}

const accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

// Every moment at which a request is due is used, however the connections share them.
func TestLoadSendsAtItsRate(t *testing.T) {
	f := func(connections int, rate float64, d time.Duration, want int64) {
		t.Helper()
		address, requests := answerAll(t, accepted)
		var acked tally
		l := load{target: benchTarget(address, false), connections: connections, events: 2, rate: rate, duration: d, acked: acked.add}
		out, err := l.send(t.Context())
		if err != nil {
			t.Fatalf("send: %v", err)
		}
		if out.requests != want || requests.Load() != want || acked.events.Load() != uint64(2*want) {
			t.Errorf("%d connections, %v/s for %v: %d sent, %d received, %d events acknowledged, want %d requests",
				connections, rate, d, out.requests, requests.Load(), acked.events.Load(), want)
		}
	}
	f(1, 1000, 20*time.Millisecond, 20)
	f(3, 1000, 20*time.Millisecond, 20)
	f(64, 1000, 20*time.Millisecond, 20)
}

func TestLoadSucceeds(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		address, _ := answerAll(t, answer)
		l := load{target: benchTarget(address, false), connections: 1, events: 1, rate: 1000, duration: 3 * time.Millisecond}
		if _, err := l.send(t.Context()); err != nil {
			t.Errorf("answer %q: %v", answer, err)
		}
	}
	f(accepted)
	f("HTTP/1.1 204 No Content\r\n\r\n")
	f("HTTP/1.1 200 OK\r\ncontent-length:  6\r\n\r\nGIF89a")
}

func TestLoadFails(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		address, _ := answerAll(t, answer)
		l := load{target: benchTarget(address, false), connections: 2, events: 1, rate: 1000, duration: 3 * time.Millisecond}
		if out, err := l.send(t.Context()); err == nil {
			t.Errorf("answer %q: %d requests passed, want an error", answer, out.requests)
		}
	}
	f("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	f("HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"accepted\":0}") // some were rejected
	f("HTTP/1.1 202 Accepted\r\nContent-Length: x\r\n\r\n")
}

// A refused request is made again, with the same ids and the mark.
func TestMakerMakesAgainWhatWasRefused(t *testing.T) {
	m := newMaker(benchTarget("", false), 2, 1, 1)
	m.next()
	ids := slices.Clone(m.ids)
	for range 2 {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(m.again())))
		if err != nil {
			t.Fatalf("read request: %v", err)
		}
		var batch schemas.Batch
		if err := json.NewDecoder(request.Body).Decode(&batch); err != nil {
			t.Fatalf("decode batch: %v", err)
		}
		if !batch.Retried || len(batch.Events) != 2 || batch.Events[1].ID != ids[1].String() {
			t.Errorf("again: retried %v, %d events, want the same two with the mark", batch.Retried, len(batch.Events))
		}
	}
}
