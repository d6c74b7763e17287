package listen

import (
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// listener reads PROXY headers from the peers that p names. The header is read by the first Read, Write or RemoteAddr of
// a connection, within its own deadline: a peer that sends none holds up nobody else.
func (p Proxy) listener(ln net.Listener) net.Listener {
	return &proxyListener{Listener: ln, proxy: p}
}

type proxyListener struct {
	net.Listener
	proxy Proxy
}

// Accept implements net.Listener.
func (l *proxyListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || !l.proxy.sends(conn.RemoteAddr()) {
		return conn, err
	}
	return proxyConn{proxyproto.NewConn(conn,
		proxyproto.WithPolicy(proxyproto.REQUIRE), // the protocol forbids to guess whether a header is there
		proxyproto.SetReadHeaderTimeout(l.proxy.HeaderTimeout))}, nil
}

// sends reports whether a peer begins with a PROXY header. Those of a unix socket that is wrapped at all do.
func (p Proxy) sends(peer net.Addr) bool {
	tcp, isTCP := peer.(*net.TCPAddr)
	if !isTCP {
		return true
	}
	addr, _ := netip.AddrFromSlice(tcp.IP)
	addr = addr.Unmap()
	for _, network := range p.From {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// proxyConn is a connection that begins with a PROXY header.
type proxyConn struct{ *proxyproto.Conn }

// CloseWrite closes the sending half, so that whoever closes gently can do so here as on a plain connection.
func (c proxyConn) CloseWrite() error {
	if half, ok := c.Raw().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
