package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The forms of an address that is not host:port.
const (
	unixPrefix    = "unix:"
	systemdScheme = "systemd"
)

// Config says where to listen and what stands between the sockets and HTTP. All its listeners are alike.
type Config struct {
	// Addresses, at least one:
	//   - host:port, [2001:db8::1]:port, :port for all addresses; port 0 takes a free one
	//   - unix:/absolute/path
	//   - systemd for all sockets that systemd passed, systemd:name for those with that FileDescriptorName
	Addresses []string
	// UnixMode are the permissions of unix sockets; 0 means 0660.
	UnixMode fs.FileMode
	// ReusePort is how many sockets are opened on each TCP address (SO_REUSEPORT), among which the kernel spreads
	// connections; each is a listener of its own. 0 and 1 mean one plain socket.
	ReusePort int
	// TLS is put on TCP and systemd's sockets where it names a certificate; unix sockets stay plain.
	TLS TLS
	// Proxy is who may send a PROXY header.
	Proxy Proxy
	// Getenv tells what systemd left in the environment; nil means os.Getenv.
	Getenv func(string) string
}

// TLS names the files of a certificate in PEM. They are read again when they change.
type TLS struct {
	Certificate string // the chain, own certificate first
	Key         string
}

// Proxy says whose PROXY header (version 1 or 2) is believed. A connection from there without one is closed; one from
// elsewhere is taken as it is, and a PROXY header is then no HTTP.
type Proxy struct {
	From          []netip.Prefix // of TCP peers
	Unix          bool           // peers of unix sockets send one, too
	HeaderTimeout time.Duration  // for the header to arrive; 0 means 5 s
}

const (
	defaultUnixMode      = 0o660
	defaultHeaderTimeout = 5 * time.Second
	maxReusePort         = 256
)

// Validate reports everything that is wrong with c, each with its name. It opens nothing.
func (c Config) Validate() error {
	var errs []error
	if len(c.Addresses) == 0 {
		errs = append(errs, errors.New("addresses: want at least one"))
	}
	for _, address := range c.Addresses {
		if err := validateAddress(address); err != nil {
			errs = append(errs, fmt.Errorf("addresses: %q: %w", address, err))
		}
	}
	if c.UnixMode&^fs.ModePerm != 0 {
		errs = append(errs, fmt.Errorf("unix mode: %#o: want permissions, as in 0660", uint32(c.UnixMode)))
	}
	if c.ReusePort < 0 || c.ReusePort > maxReusePort {
		errs = append(errs, fmt.Errorf("reuse port: %d: want 0 to %d sockets", c.ReusePort, maxReusePort))
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("tls: want both certificate and key, or neither"))
	}
	for _, network := range c.Proxy.From {
		if !network.IsValid() {
			errs = append(errs, errors.New("proxy: from: want networks, as in 10.0.0.0/8"))
		}
	}
	if c.Proxy.HeaderTimeout < 0 {
		errs = append(errs, errors.New("proxy: header timeout: want more than 0"))
	}
	return errors.Join(errs...)
}

// validateAddress reports what is wrong with the form of an address.
func validateAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if !filepath.IsAbs(path) {
			return errors.New("want an absolute path, as in unix:/run/heed.sock")
		}
		if len(path) > maxUnixPath {
			return fmt.Errorf("the path is longer than the %d bytes that a socket's name may have", maxUnixPath)
		}
		return nil
	}
	if name, ok := systemdName(address); ok {
		if strings.Contains(address, ":") && name == "" {
			return errors.New("want the FileDescriptorName of the socket unit behind the colon, or no colon for all sockets")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("want host:port, unix:/path, systemd or systemd:name")
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return errors.New("want a port from 0 to 65535")
	}
	if strings.ContainsAny(host, "/@ ") {
		return errors.New("want a host name or an address before the port")
	}
	return nil
}

// Open opens all listeners of cfg, in the order of its addresses, or none. Whoever gets them closes them: closing a unix
// socket removes its file.
func Open(ctx context.Context, cfg Config, logger *slog.Logger) (_ []net.Listener, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	cfg = cfg.withDefaults()
	logger = logger.With("component", "listen")
	var secure *certificate
	if cfg.TLS.Certificate != "" {
		if secure, err = cfg.TLS.open(logger); err != nil {
			return nil, err
		}
	}
	var lns []net.Listener
	defer func() {
		if err != nil {
			closeAll(lns)
		}
	}()
	for _, address := range cfg.Addresses {
		opened, err := cfg.open(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w", address, err)
		}
		lns = append(lns, opened...)
	}
	for i, ln := range lns {
		lns[i] = cfg.dress(ln, secure)
	}
	return lns, nil
}

func (c Config) withDefaults() Config {
	if c.UnixMode == 0 {
		c.UnixMode = defaultUnixMode
	}
	if c.Proxy.HeaderTimeout == 0 {
		c.Proxy.HeaderTimeout = defaultHeaderTimeout
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	return c
}

// open opens the bare sockets of one address.
func (c Config) open(ctx context.Context, address string) ([]net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		ln, err := openUnix(ctx, path, c.UnixMode)
		if err != nil {
			return nil, err
		}
		return []net.Listener{ln}, nil
	}
	if name, ok := systemdName(address); ok {
		return openSystemd(name, c.Getenv)
	}
	return openTCP(ctx, address, c.ReusePort)
}

// dress puts PROXY protocol and TLS onto a socket, in the order in which their bytes arrive.
func (c Config) dress(ln net.Listener, secure *certificate) net.Listener {
	_, isUnix := ln.Addr().(*net.UnixAddr)
	if isUnix && c.Proxy.Unix || !isUnix && len(c.Proxy.From) > 0 {
		ln = c.Proxy.listener(ln)
	}
	if secure != nil && !isUnix {
		ln = secure.listener(ln)
	}
	return ln
}

// closeAll closes what was opened before something failed; that is the error worth telling.
func closeAll(lns []net.Listener) {
	for _, ln := range lns {
		_ = ln.Close()
	}
}
