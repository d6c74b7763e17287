package collector

import (
	"net"
	"os"
	"testing"
	"time"
)

// countedConn counts the deadlines that are set on a real connection.
type countedConn struct {
	*net.TCPConn
	set int
}

func (c *countedConn) SetReadDeadline(t time.Time) error {
	c.set++
	return c.TCPConn.SetReadDeadline(t)
}

func pair(t *testing.T) (near *countedConn, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close(); accepted.Close() })
	return &countedConn{TCPConn: accepted.(*net.TCPConn)}, far
}

func testOwner() *Collector {
	c := new(Collector)
	c.cfg.Limits = DefaultLimits()
	c.ahead.New = func() any { return new([aheadBytes]byte) }
	return c
}

func TestLaterDeadlinesAreOnlyNoted(t *testing.T) {
	near, far := pair(t)
	c := newConn(near, testOwner()).(*conn)
	begin := time.Now()
	for i := range 100 {
		if err := c.SetReadDeadline(begin.Add(time.Hour + time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		far.Write([]byte("x"))
		if n, err := c.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Fatalf("Read = %d, %v, want the byte", n, err)
		}
	}
	if near.set != 1 {
		t.Errorf("100 deadlines, each later than the one before, were set %d times, want once", near.set)
	}
}

func TestDeadlinesStrikeWhenMeant(t *testing.T) {
	near, _ := pair(t)
	c := newConn(near, testOwner()).(*conn)
	f := func(deadlines ...time.Duration) {
		t.Helper()
		begin := time.Now()
		for _, d := range deadlines {
			if err := c.SetReadDeadline(begin.Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		last := deadlines[len(deadlines)-1]
		for _, buffer := range [][]byte{make([]byte, 1), make([]byte, 100)} { // the way without a buffer, and the other
			n, err := c.Read(buffer)
			if took := time.Since(begin); n != 0 || !os.IsTimeout(err) || took < last {
				t.Errorf("deadlines %v: Read = %d, %v after %v, want a timeout and not before the last", deadlines, n, err, took)
			}
		}
	}
	f(10 * time.Millisecond)
	f(10*time.Millisecond, 60*time.Millisecond) // later
	f(time.Hour, 20*time.Millisecond)           // earlier
}

func TestWriteGoesOnBehindADeadlineThatWasNotMeant(t *testing.T) {
	near, far := pair(t)
	c := newConn(near, testOwner()).(*conn)
	c.SetWriteDeadline(time.Now().Add(-time.Second)) // has struck already
	c.SetWriteDeadline(time.Now().Add(time.Hour))
	const size = 16 << 20 // more than the kernel takes
	done := make(chan error)
	go func() {
		n, err := c.Write(make([]byte, size))
		if err == nil && n != size {
			err = os.ErrInvalid
		}
		done <- err
	}()
	buffer := make([]byte, 1<<20)
	for got := 0; got < size; {
		n, err := far.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if err := <-done; err != nil {
		t.Errorf("Write = %v, want all of it", err)
	}
}
