package guard

import (
	"bytes"
	"encoding/binary"
)

// Framing is how a request's body is delimited.
type Framing struct {
	Length  int64 // of the body in bytes; 0 without one, and when Chunked
	Chunked bool
}

// Check looks at a request's head exactly as it was received: request line, header lines and the empty line, and nothing
// behind it. One empty line before the request line is passed over. At most maxFields header lines are taken.
// The error is a *Fault.
func Check(head []byte, maxFields int) (Framing, error) {
	head = bytes.TrimPrefix(head, []byte("\r\n"))
	end := bytes.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return Framing{}, faultLineEnd
	}
	line := head[:end-1]
	if hasControl(line) {
		return Framing{}, controlIn(line)
	}
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first < 1 || last == first {
		return Framing{}, faultRequestLine
	}
	return checkParts(line[:first], line[first+1:last], line[last+1:], head[end+1:], maxFields)
}

// CheckParts does the same for a request line that has been taken apart. fields are the header lines as they were
// received, with the empty line; they may be nil where there are none. The error is a *Fault.
func CheckParts(method, target, version, fields []byte, maxFields int) (Framing, error) {
	if len(fields) == 0 {
		fields = []byte("\r\n")
	}
	return checkParts(method, target, version, fields, maxFields)
}

func checkParts(method, target, version, fields []byte, maxFields int) (Framing, error) {
	if len(method) == 0 || tokenLength(method) != len(method) {
		return Framing{}, faultRequestLine
	}
	isHTTP11 := string(version) == "HTTP/1.1"
	if !isHTTP11 && string(version) != "HTTP/1.0" {
		return Framing{}, faultVersion
	}
	h := header{codingAllowed: isHTTP11}
	if fault := h.scan(fields, maxFields); fault != nil {
		return Framing{}, fault
	}
	if h.host == nil && isHTTP11 {
		return Framing{}, faultNoHost
	}
	if !isTarget(method, target, h.host) {
		return Framing{}, faultTarget
	}
	return Framing{Length: max(h.length, 0), Chunked: h.chunked}, nil
}

// header is what is remembered of the header lines seen so far.
type header struct {
	host          []byte // nil until seen
	hasLength     bool
	length        int64
	chunked       bool
	codingAllowed bool
}

// scan reads all header lines and the empty line.
func (h *header) scan(fields []byte, maxFields int) *Fault {
	for count := 0; ; count++ {
		end := bytes.IndexByte(fields, '\n')
		switch {
		case end < 0:
			return faultEnd
		case end == 0 || fields[end-1] != '\r':
			return faultLineEnd
		case end == 1:
			if len(fields) > 2 {
				return faultEnd
			}
			return nil
		case count == maxFields:
			return faultFields
		}
		if fault := h.line(fields[:end-1]); fault != nil {
			return fault
		}
		fields = fields[end+1:]
	}
}

// line reads one header line without its CR LF. Only three names decide where a request ends and whose it is.
func (h *header) line(line []byte) *Fault {
	colon := tokenLength(line)
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return nameFault(line, colon)
	}
	value := line[colon+1:]
	if hasControl(value) && !onlyTabs(value) {
		return controlIn(value)
	}
	switch colon {
	case len("host"):
		if isName(line[:colon], "host") {
			return h.addHost(value)
		}
	case len("content-length"):
		if isName(line[:colon], "content-length") {
			return h.addLength(value)
		}
	case len("transfer-encoding"):
		if isName(line[:colon], "transfer-encoding") {
			return h.addCoding(value)
		}
	}
	return nil
}

// nameFault says why a line has no name that ends at a colon.
func nameFault(line []byte, end int) *Fault {
	if end == 0 && (line[0] == ' ' || line[0] == '\t') {
		return faultFold
	}
	if end > 0 && end < len(line) && (line[end] == ' ' || line[end] == '\t') {
		return faultColon
	}
	if hasControl(line) {
		return controlIn(line)
	}
	return faultName
}

func (h *header) addHost(value []byte) *Fault {
	if h.host != nil {
		return faultHosts
	}
	h.host = trimSpace(value)
	if !isAuthority(h.host) {
		return faultHost
	}
	return nil
}

func (h *header) addLength(value []byte) *Fault {
	if h.hasLength {
		return faultLengths
	}
	if h.chunked {
		return faultBoth
	}
	value = trimSpace(value)
	if len(value) == 0 || len(value) > 18 { // 18 digits fit into an int64
		return faultLength
	}
	h.hasLength = true
	for _, c := range value {
		if c < '0' || c > '9' {
			return faultLength
		}
		h.length = h.length*10 + int64(c-'0')
	}
	return nil
}

func (h *header) addCoding(value []byte) *Fault {
	if h.hasLength {
		return faultBoth
	}
	if h.chunked || !h.codingAllowed || !isName(trimSpace(value), "chunked") {
		return faultCoding
	}
	h.chunked = true
	return nil
}

// isTarget reports whether target is a path, the * of OPTIONS, or an absolute URL whose authority is exactly Host: of two
// that differ, a proxy may have decided by the other one.
func isTarget(method, target, host []byte) bool {
	if len(target) == 0 || !isVisible(target) {
		return false
	}
	if target[0] == '/' {
		return true
	}
	if string(target) == "*" {
		return string(method) == "OPTIONS"
	}
	rest, isURL := bytes.CutPrefix(target, []byte("http://"))
	if !isURL {
		rest, isURL = bytes.CutPrefix(target, []byte("https://"))
	}
	if !isURL || host == nil {
		return false
	}
	if end := bytes.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	return bytes.EqualFold(rest, host)
}

// isVisible reports whether text is printable ASCII without space and without the # that no target may have.
func isVisible(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// isAuthority reports whether value looks like host[:port]; a user name or a path has no place in Host.
func isAuthority(value []byte) bool {
	for _, c := range value {
		if classes[c]&inHost == 0 {
			return false
		}
	}
	return len(value) > 0
}

// isName compares with a name in lower case. A token has no byte that the folded bit could confuse with a letter or "-".
func isName(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != lower[i] && (c < 'A' || c > 'Z' || c|0x20 != lower[i]) {
			return false
		}
	}
	return true
}

// Classes of bytes.
const (
	inToken = 1 << iota // RFC 9110, 5.6.2
	inHost              // RFC 3986, 3.2.2 and 3.2.3
)

var classes = func() (t [256]uint8) {
	for c := range t {
		letter := byte(c) | 0x20
		if letter >= 'a' && letter <= 'z' && c < 0x80 || c >= '0' && c <= '9' {
			t[c] = inToken | inHost
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= inToken
	}
	for _, c := range []byte("-._~%!$&'()*+,;=:[]") {
		t[c] |= inHost
	}
	return t
}()

// tokenLength returns how many bytes at the beginning of text are of a token.
func tokenLength(text []byte) int {
	for i, c := range text {
		if classes[c]&inToken == 0 {
			return i
		}
	}
	return len(text)
}

// trimSpace cuts the white space that RFC 9110, 5.6.3 allows around a value.
func trimSpace(value []byte) []byte { return bytes.Trim(value, " \t") }

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// hasControl reports whether text has a byte below space, or DEL. It looks at eight bytes at once: of each byte the
// highest bit is left standing if it was below 0x20, or zero after DEL was turned into zero.
func hasControl(text []byte) bool {
	var found uint64
	for ; len(text) >= 8; text = text[8:] {
		x := binary.LittleEndian.Uint64(text)
		del := x ^ lowBits*0x7f
		found |= (x-lowBits*0x20)&^x | (del-lowBits)&^del
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return found&highBits != 0
}

// onlyTabs reports whether text has no control characters but tabs.
func onlyTabs(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// controlIn says which fault the control characters in text are.
func controlIn(text []byte) *Fault {
	if bytes.IndexByte(text, '\r') >= 0 {
		return faultBareCR
	}
	return faultControl
}
