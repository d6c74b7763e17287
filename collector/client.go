package collector

import (
	"log/slog"
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"

	"heed/collector/guard"
)

// address is a visitor's IP address. It lives for one look-up and is written nowhere.
type address struct{ netip.Addr }

// LogValue keeps the address out of every log.
func (address) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// String keeps the address out of every message.
func (address) String() string { return "[redacted]" }

// addressOf returns the client's address: the peer's, or, when the peer is a trusted proxy, the last hop of the header
// that proxies write, that is not one. What stands before that hop was written by the client and proves nothing. An
// unknown address is the zero one; its place is unknown, and consent then as strict as can be. Whoever comes through a
// unix socket is on this machine, hence 127.0.0.1.
func (c *Collector) addressOf(ctx *fasthttp.RequestCtx) address {
	var peer netip.Addr
	switch remote := ctx.RemoteAddr().(type) {
	case *net.TCPAddr:
		peer, _ = netip.AddrFromSlice(remote.IP)
		peer = peer.Unmap()
	case *net.UnixAddr:
		peer = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		return address{}
	}
	proxies := guard.Proxies(c.cfg.TrustedProxies)
	if !proxies.Contain(peer) {
		return address{peer}
	}
	if c.cfg.ProxyHeader == fasthttp.HeaderForwarded {
		return address{proxies.Forwarded(peer, ctx.Request.Header.PeekAll(fasthttp.HeaderForwarded))}
	}
	return address{proxies.XForwardedFor(peer, ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor))}
}
