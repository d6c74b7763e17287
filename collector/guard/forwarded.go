package guard

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// maxHopBytes is more than any address with brackets, port and quotes needs.
const maxHopBytes = 64

// Proxies are the networks whose word on where a request came from is believed.
//
// Believe one header only, the one that the proxy sets: a proxy that writes X-Forwarded-For passes the client's own
// Forwarded on, and the other way round.
type Proxies []netip.Prefix

// Contain reports whether addr is one of the proxies.
func (p Proxies) Contain(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// XForwardedFor returns the address of the client: peer, or, while that is a proxy, the hop before it in the header's
// lines. What stands before the first hop that is no proxy was written by the client and proves nothing. A hop that is
// no address (unknown, a name, garbage) leaves the client unknown, which is the zero Addr.
func (p Proxies) XForwardedFor(peer netip.Addr, lines [][]byte) netip.Addr {
	peer = peer.Unmap().WithZone("")
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more && p.Contain(peer); {
			var hop []byte
			rest, hop, more = cutLast(rest, ',')
			if hop = trimSpace(hop); len(hop) > 0 { // RFC 9110, 5.6.1: empty elements of a list do not count
				peer = hopAddr(hop)
			}
		}
	}
	return peer
}

// Forwarded does the same by the header of RFC 7239: the parameter "for" of each element. Obfuscated identifiers
// ("_hidden", "unknown"), elements without "for" and whatever is not of the header's form leave the client unknown.
func (p Proxies) Forwarded(peer netip.Addr, lines [][]byte) netip.Addr {
	peer = peer.Unmap().WithZone("")
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more && p.Contain(peer); {
			var element []byte
			rest, element, more = cutLastElement(rest)
			if element = trimSpace(element); len(element) > 0 {
				peer = elementAddr(element)
			}
		}
	}
	return peer
}

// cutLast cuts text at the last separator; more says that there was one.
func cutLast(text []byte, separator byte) (rest, last []byte, more bool) {
	i := bytes.LastIndexByte(text, separator)
	if i < 0 {
		return nil, text, false
	}
	return text[:i], text[i+1:], true
}

// cutLastElement cuts text at the last comma that stands outside of quotes. A quote that nothing ends makes the last
// element one that cannot be read.
func cutLastElement(text []byte) (rest, last []byte, more bool) {
	cut, quoted := -1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			cut = i
		}
	}
	if cut < 0 {
		return nil, text, false
	}
	return text[:cut], text[cut+1:], true
}

// elementAddr reads the parameters of one element, "for=…;by=…", and returns the address of "for". One that is there
// twice is of no form.
func elementAddr(element []byte) (addr netip.Addr) {
	seen := false
	for len(element) > 0 {
		name, value, rest, ok := cutParameter(element)
		if !ok {
			return netip.Addr{}
		}
		element = rest
		if isName(name, "for") {
			if seen {
				return netip.Addr{}
			}
			seen = true
			addr = hopAddr(value)
		}
	}
	return addr
}

// cutParameter cuts name=value off the beginning of element; a value may be quoted. White space around ";" is taken,
// since proxies write it.
func cutParameter(element []byte) (name, value, rest []byte, ok bool) {
	end := tokenLength(element)
	if end == 0 || end+1 >= len(element) || element[end] != '=' {
		return nil, nil, nil, false
	}
	name, value = element[:end], element[end+1:]
	if value[0] == '"' {
		if value, rest, ok = cutQuoted(value[1:]); !ok {
			return nil, nil, nil, false
		}
	} else {
		end = tokenLength(value)
		value, rest = value[:end], value[end:]
	}
	rest = trimSpace(rest)
	if len(rest) == 0 {
		return name, value, nil, true
	}
	return name, value, trimSpace(rest[1:]), rest[0] == ';'
}

// cutQuoted cuts text at the quote that ends it. Escapes stay in the value: an address needs none, and has none then.
func cutQuoted(text []byte) (value, rest []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return text[:i], text[i+1:], true
		case '\\':
			i++
		}
	}
	return nil, nil, false
}

// hopAddr reads an address with or without port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80.
// Without a port and without brackets an IPv6 address is taken too, as X-Forwarded-For has it.
func hopAddr(hop []byte) netip.Addr {
	if len(hop) == 0 || len(hop) > maxHopBytes || bytes.IndexByte(hop, '%') >= 0 {
		return netip.Addr{}
	}
	if hop[0] == '[' {
		inner, port, ok := bytes.Cut(hop[1:], []byte{']'})
		if !ok || len(port) > 0 && !isPort(port) || bytes.IndexByte(inner, ':') < 0 {
			return netip.Addr{}
		}
		hop = inner
	} else if i := bytes.IndexByte(hop, ':'); i >= 0 && bytes.IndexByte(hop[i+1:], ':') < 0 {
		if !isPort(hop[i:]) {
			return netip.Addr{}
		}
		hop = hop[:i]
	}
	// The string lives no longer than the call: without a zone the address keeps nothing of it, and the error is dropped.
	addr, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(hop), len(hop)))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// isPort reports whether text is ":" and a port, or the obfuscated one of RFC 7239, 6.3.
func isPort(text []byte) bool {
	if len(text) < 2 || text[0] != ':' {
		return false
	}
	digits := text[1:]
	if digits[0] == '_' {
		return tokenLength(digits) == len(digits) && len(digits) > 1
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) <= 5
}
