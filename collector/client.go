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
	lines := ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor)
	hops := bytes.Split(bytes.Join(lines, []byte{','}), []byte{','})
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(string(bytes.TrimSpace(hops[i])))
		if err != nil {
			return address{}
		}
		if peer = hop.Unmap(); !c.trusts(peer) {
			break
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

// headersOf copies the headers that describe the client.
func headersOf(h *fasthttp.RequestHeader) enrich.Headers {
	return enrich.Headers{
		UserAgent:  string(h.UserAgent()),
		CHUA:       string(h.Peek("Sec-Ch-Ua")),
		CHMobile:   string(h.Peek("Sec-Ch-Ua-Mobile")),
		CHPlatform: string(h.Peek("Sec-Ch-Ua-Platform")),
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
