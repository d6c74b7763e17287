package collector

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"

	"heed/pipeline/enrich"
)

// address is a visitor's IP address. It lives for one look-up and is written nowhere.
type address struct{ netip.Addr }

// LogValue keeps the address out of every log.
func (address) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// String keeps the address out of every message.
func (address) String() string { return "[redacted]" }

// addressOf returns the client's address: the peer's, or, when the peer is a trusted proxy, the last hop of
// X-Forwarded-For that is not one. What stands before that hop was written by the client and proves nothing. An unknown
// address is the zero one; its place is unknown, and consent then as strict as can be.
func (c *Collector) addressOf(ctx *fasthttp.RequestCtx) address {
	tcp, ok := ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return address{}
	}
	peer, _ := netip.AddrFromSlice(tcp.IP)
	peer = peer.Unmap()
	if !c.trusts(peer) {
		return address{peer}
	}
	return c.forwarded(ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor), peer)
}

// forwarded walks the hops of X-Forwarded-For from the last one back.
func (c *Collector) forwarded(lines [][]byte, peer netip.Addr) address {
	for i := len(lines) - 1; i >= 0; i-- {
		for line, more := lines[i], true; more; {
			comma := bytes.LastIndexByte(line, ',')
			hop, err := netip.ParseAddr(text(bytes.TrimSpace(line[comma+1:])))
			if err != nil {
				return address{}
			}
			if peer = hop.Unmap(); !c.trusts(peer) {
				return address{peer}
			}
			if more = comma >= 0; more {
				line = line[:comma]
			}
		}
	}
	return address{peer}
}

func (c *Collector) trusts(peer netip.Addr) bool {
	for _, network := range c.cfg.TrustedProxies {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// headersOf borrows the headers that describe the client.
func headersOf(h *fasthttp.RequestHeader) enrich.Headers {
	return enrich.Headers{
		UserAgent:  text(h.UserAgent()),
		CHUA:       text(h.Peek("Sec-Ch-Ua")),
		CHMobile:   text(h.Peek("Sec-Ch-Ua-Mobile")),
		CHPlatform: text(h.Peek("Sec-Ch-Ua-Platform")),
	}
}

// hasOne reports whether any line of a header is exactly "1". Both Sec-GPC and DNT define nothing else, and a second
// line that says something else takes no signal back.
func hasOne(h *fasthttp.RequestHeader, name string) bool {
	for _, line := range h.PeekAll(name) {
		if string(line) == "1" {
			return true
		}
	}
	return false
}
