package guard_test

import (
	"bytes"
	"testing"

	"heed/collector/guard"
)

var headLimits = guard.Limits{HeadBytes: 8 << 10, Fields: maxFields}

func TestHeadRead(t *testing.T) {
	var h guard.Head
	if !h.Read([]byte(browserHead+"body and more"), headLimits) {
		t.Fatal("Read refuses a browser's head")
	}
	if string(h.Method) != "POST" || string(h.Target) != "/h/k1/ordinary" || h.Bytes != len(browserHead) || h.Framing.Length != 412 {
		t.Errorf("Read = %s %s, %d bytes, %+v", h.Method, h.Target, h.Bytes, h.Framing)
	}
	if len(h.Fields) != 16 || string(h.Fields[0].Name) != "Host" || string(h.Fields[15].Value) != "en-GB,en;q=0.9" {
		t.Errorf("Read finds %d lines, from %s to %s", len(h.Fields), h.Fields[0], h.Fields[len(h.Fields)-1])
	}
	if !h.Read([]byte("GET / HTTP/1.1\r\nHost: \t a \t\r\nEmpty:\r\n\r\n"), headLimits) || len(h.Fields) != 2 ||
		string(h.Fields[0].Value) != "a" || len(h.Fields[1].Value) != 0 {
		t.Errorf("Read finds the lines %s", h.Fields)
	}
}

func TestHeadReadFailure(t *testing.T) {
	f := func(head string) {
		t.Helper()
		var h guard.Head
		if h.Read([]byte(head), headLimits) {
			t.Errorf("Read(%q) takes it", head)
		}
	}
	f("")
	f(browserHead[:len(browserHead)-1])
	f("\r\n" + browserHead)
	f("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	f("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n")
	f("GET / HTTP/1.1\r\nHost: a\r\nX: b\x00\r\n\r\n")
	f("GET / HTTP/1.1\r\nHost: a\r\nX: " + string(bytes.Repeat([]byte{'b'}, headLimits.HeadBytes)) + "\r\n\r\n")
}

// FuzzHead holds Read to Check: what it takes Check takes and reads in the same way, and it leaves nothing but heads of
// HTTP/1.0 and the empty line before a head.
func FuzzHead(f *testing.F) {
	f.Add([]byte(browserHead + "body"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("POST http://a/x HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n1\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var h guard.Head
		if h.Read(data, headLimits) {
			framing, err := guard.Check(data[:h.Bytes], maxFields)
			if err != nil || framing != h.Framing {
				t.Fatalf("Read takes %q with %+v, Check says %+v, %v", data[:h.Bytes], h.Framing, framing, err)
			}
			return
		}
		if _, err := guard.Check(data, maxFields); err == nil && len(data) <= headLimits.HeadBytes &&
			!bytes.HasPrefix(data, []byte("\r\n")) && !bytes.Contains(data, []byte(" HTTP/1.0\r\n")) {
			t.Fatalf("Check takes %q, Read does not", data)
		}
	})
}
