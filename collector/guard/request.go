package guard

import "bytes"

// Head is the head of a request taken apart, in the one pass that also checks it. Everything in it is a view of what was
// read. It may be used again, which costs no memory.
type Head struct {
	Method, Target []byte
	Fields         []Field // the header lines as they came
	Framing        Framing // of the body
	Bytes          int     // request line, header lines and the empty line
}

// Field is a header line. Its name is as it was written; around its value is no white space.
type Field struct{ Name, Value []byte }

// Read takes the head apart that data begins with, behind which anything may stand. It reports false where there is none
// that is whole, of HTTP/1.1 and such that Check takes it; h is of no use then.
func (h *Head) Read(data []byte, limits Limits) bool {
	end := bytes.IndexByte(data, '\n')
	if end < 1 || data[end-1] != '\r' {
		return false
	}
	method, target, version, fault := cutRequestLine(data[:end-1])
	if fault != nil || tokenLength(method) != len(method) || string(version) != "HTTP/1.1" {
		return false
	}
	h.Method, h.Target, h.Fields = method, target, h.Fields[:0]
	lines := header{codingAllowed: true, lines: &h.Fields}
	n, fault := lines.scan(data[end+1:], limits.Fields)
	if fault != nil || lines.finish(method, target, true) != nil {
		return false
	}
	h.Framing, h.Bytes = lines.framing(), end+1+n
	return h.Bytes <= limits.HeadBytes
}

// Forget drops what h views.
func (h *Head) Forget() {
	clear(h.Fields)
	*h = Head{Fields: h.Fields[:0]}
}
