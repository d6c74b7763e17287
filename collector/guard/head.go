package guard

import (
	"bytes"
	"encoding/binary"
	"math/bits"
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
	return errorOf(check(head, maxFields))
}

// errorOf keeps a nil *Fault from becoming an error that is not nil.
func errorOf(f Framing, fault *Fault) (Framing, error) {
	if fault != nil {
		return Framing{}, fault
	}
	return f, nil
}

func check(head []byte, maxFields int) (Framing, *Fault) {
	head = bytes.TrimPrefix(head, []byte("\r\n"))
	end := bytes.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return Framing{}, faultLineEnd
	}
	line := head[:end-1]
	method, target, version, fault := cutRequestLine(line)
	if fault != nil {
		return Framing{}, fault
	}
	return checkParts(method, target, version, head[end+1:], maxFields)
}

// cutRequestLine takes a request line without its CR LF apart.
func cutRequestLine(line []byte) (method, target, version []byte, fault *Fault) {
	if fault := controlIn(line); fault != nil {
		return nil, nil, nil, fault
	}
	first := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if first < 1 || last == first {
		return nil, nil, nil, faultRequestLine
	}
	return line[:first], line[first+1 : last], line[last+1:], nil
}

// CheckParts does the same for a request line that has been taken apart. fields are the header lines as they were
// received, with the empty line; they may be nil where there are none. The error is a *Fault.
func CheckParts(method, target, version, fields []byte, maxFields int) (Framing, error) {
	if len(fields) == 0 {
		fields = []byte("\r\n")
	}
	return errorOf(checkParts(method, target, version, fields, maxFields))
}

func checkParts(method, target, version, fields []byte, maxFields int) (Framing, *Fault) {
	if len(method) == 0 || tokenLength(method) != len(method) {
		return Framing{}, faultRequestLine
	}
	isHTTP11 := string(version) == "HTTP/1.1"
	if !isHTTP11 && string(version) != "HTTP/1.0" {
		return Framing{}, faultVersion
	}
	h := header{codingAllowed: isHTTP11}
	n, fault := h.scan(fields, maxFields)
	if fault != nil {
		return Framing{}, fault
	}
	if n != len(fields) {
		return Framing{}, faultEnd
	}
	if fault := h.finish(method, target, isHTTP11); fault != nil {
		return Framing{}, fault
	}
	return h.framing(), nil
}

// header is what is remembered of the header lines seen so far.
type header struct {
	host          []byte // nil until seen
	hasLength     bool
	length        int64
	chunked       bool
	codingAllowed bool
	lines         *[]Field // where they are listed; nil: nowhere
}

// finish checks what only all lines together tell.
func (h *header) finish(method, target []byte, isHTTP11 bool) *Fault {
	if h.host == nil && isHTTP11 {
		return faultNoHost
	}
	if !isTarget(method, target, h.host) {
		return faultTarget
	}
	return nil
}

func (h *header) framing() Framing { return Framing{Length: h.length, Chunked: h.chunked} }

// scan reads all header lines and the empty line, and returns how many bytes they are. Control characters are counted
// once for all lines: as many as their ends have is right.
func (h *header) scan(fields []byte, maxFields int) (n int, fault *Fault) {
	lines := 0
	for {
		rest := fields[n:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return n, faultEnd
		}
		if end == 0 || rest[end-1] != '\r' {
			return n, faultLineEnd
		}
		lines++
		n += end + 1
		if end == 1 {
			break
		}
		if lines > maxFields {
			return n, faultFields
		}
		if fault := h.line(rest[:end-1]); fault != nil {
			return n, fault
		}
	}
	if controls(fields[:n]) != lines*len("\r\n") {
		return n, controlIn(fields[:n])
	}
	return n, nil
}

// line reads one header line without its CR LF. Only three names decide where a request ends and whose it is.
func (h *header) line(line []byte) *Fault {
	colon := tokenLength(line)
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return nameFault(line, colon)
	}
	value := line[colon+1:]
	if h.lines != nil {
		*h.lines = append(*h.lines, Field{Name: line[:colon], Value: trimSpace(value)})
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
	if fault := controlIn(line); fault != nil {
		return fault
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
func trimSpace(value []byte) []byte {
	for len(value) > 0 && isSpace(value[0]) {
		value = value[1:]
	}
	for len(value) > 0 && isSpace(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// controls returns how many bytes of text are below space, or DEL. It looks at eight at once: adding to the lower seven
// bits of a byte carries into the eighth unless they are small enough, and never into the next byte.
func controls(text []byte) (count int) {
	const (
		each = 0x0101010101010101
		low7 = each * 0x7f
		high = each * 0x80
	)
	for ; len(text) >= 8; text = text[8:] {
		x := binary.LittleEndian.Uint64(text)
		below := (x&low7 + each*(0x80-' ')) | x
		del := x ^ low7
		notDel := (del&low7 + low7) | del
		count += bits.OnesCount64(^(below & notDel) & high)
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			count++
		}
	}
	return count
}

// controlIn looks for a control character other than a tab, and than the ends of lines.
func controlIn(text []byte) *Fault {
	for i, c := range text {
		switch {
		case c >= ' ' && c != 0x7f || c == '\t' || c == '\n':
		case c != '\r':
			return faultControl
		case i+1 == len(text) || text[i+1] != '\n':
			return faultBareCR
		}
	}
	return nil
}
