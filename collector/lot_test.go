package collector_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"heed/collector"
)

// untilMetric waits until a metric has the value.
func (e *edge) untilMetric(name, want string) {
	e.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); e.metric(name) != want; {
		if time.Now().After(deadline) {
			e.t.Fatalf("%s = %s, want %s", name, e.metric(name), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// parked opens a connection, sends a batch on it and waits until it is parked.
func (e *edge) parked() (net.Conn, *bufio.Reader) {
	e.t.Helper()
	conn := rawDial(e.t, e)
	r := bufio.NewReader(conn)
	e.exchange(conn, r, e.batchText())
	e.untilMetric("heed_collector_connections_parked", "1")
	return conn, r
}

// batchText is a request with one page view.
func (e *edge) batchText() string {
	body := encode(e.t, batch(asIs))
	return head("POST", "/h/k1/ordinary", text, "Content-Length: "+strconv.Itoa(len(body))) + body
}

func (e *edge) exchange(conn net.Conn, r *bufio.Reader, request string) {
	e.t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		e.t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		e.t.Fatalf("answer = %v, %v, want 202", resp, err)
	}
}

// A parked connection goes on as if nothing had been: as often as it likes, and with requests that come in pieces.
func TestParkedConnectionGoesOn(t *testing.T) {
	e := start(t, collector.Config{})
	conn, r := e.parked()
	for range 2 {
		e.exchange(conn, r, e.batchText())
		e.untilMetric("heed_collector_connections_parked", "1")
	}
	request := e.batchText()
	if _, err := io.WriteString(conn, request[:10]); err != nil {
		t.Fatal(err)
	}
	e.untilMetric("heed_collector_connections_parked", "0")
	e.exchange(conn, r, request[10:])
	if got := e.metric("heed_collector_batches_total"); got != "4" {
		t.Errorf("batches = %s, want 4", got)
	}
	conn.Close()
	e.untilMetric("heed_collector_connections", "0")
	e.untilMetric("heed_collector_connections_parked", "0")
}

// What follows a request but is not a whole one never rests: it is the beginning of something that must be ended.
func TestUnfinishedRequestIsNotParked(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{ReadTimeout: 500 * time.Millisecond}})
	conn := rawDial(t, e)
	if _, err := io.WriteString(conn, e.batchText()+"POST /h/k1/ordi"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, want := range []int{http.StatusAccepted, http.StatusRequestTimeout} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("want %d: %v", want, err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want {
			t.Fatalf("answer = %d, %v, want %d", resp.StatusCode, err, want)
		}
	}
	e.untilMetric("heed_collector_connections", "0")
}

func TestParkedConnectionEndsInTime(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{IdleTimeout: 400 * time.Millisecond}})
	conn, r := e.parked()
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read = %v, want the end", err)
	}
	conn.Close()
	e.untilMetric("heed_collector_connections", "0")
}

// At the limit the connection that has been parked the longest makes room, and no other.
func TestParkedConnectionMakesRoom(t *testing.T) {
	e := start(t, collector.Config{Limits: collector.Limits{Connections: 2}})
	_, first := e.parked()
	second := rawDial(t, e)
	ofSecond := bufio.NewReader(second)
	e.exchange(second, ofSecond, e.batchText())
	e.untilMetric("heed_collector_connections_parked", "2")
	third := rawDial(t, e)
	ofThird := bufio.NewReader(third)
	e.exchange(third, ofThird, e.batchText())
	if _, err := first.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read on the first = %v, want the end", err)
	}
	e.exchange(second, ofSecond, e.batchText())
	e.exchange(third, ofThird, e.batchText())
	if got := e.metric("heed_collector_connections"); got != "2" {
		t.Errorf("%s connections are open, want 2", got)
	}
	if got := e.metric(`heed_collector_refused_total{code="unavailable"}`); got != "0" {
		t.Errorf("%s were turned away, want none", got)
	}
}

func TestShutdownEndsParkedConnections(t *testing.T) {
	e := start(t, collector.Config{})
	_, r := e.parked()
	e.stop()
	if _, err := r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after the shutdown = %v, want the end", err)
	}
}
