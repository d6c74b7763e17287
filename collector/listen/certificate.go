package listen

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// checkEvery is how often the files are looked at, when clients connect at all.
const checkEvery = time.Second

// certificate is a certificate from files. It is looked at again during handshakes, and when metrics are asked for, which
// needs no goroutine: a certificate that nobody asks for need not be fresh.
type certificate struct {
	files  TLS
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]stamp  // of the files when they were last read
	checked time.Time // when they were last looked at

	complaint string // what was last told of files that could not be used
}

// stamp changes when a file does: by writing, by renaming another onto it, by a link that points elsewhere.
type stamp struct {
	info     os.FileInfo
	size     int64
	modified time.Time
}

func (s stamp) equal(other stamp) bool {
	return os.SameFile(s.info, other.info) && s.size == other.size && s.modified.Equal(other.modified)
}

// open loads the certificate.
func (t TLS) open(logger *slog.Logger) (*certificate, error) {
	c := &certificate{files: t, logger: logger, now: time.Now}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// secureListener is a listener whose connections speak TLS with the certificate.
type secureListener struct {
	net.Listener
	certificate *certificate
}

// listener puts TLS onto ln.
func (c *certificate) listener(ln net.Listener) net.Listener {
	return secureListener{tls.NewListener(ln, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: c.get,
	}), c}
}

// get returns the certificate in force. Of handshakes that come together one looks at the files, and the others wait the
// microseconds that it takes.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := c.now().Sub(c.checked); since >= checkEvery || since < 0 {
		c.reload()
	}
	return c.current, nil
}

// reload reads the files again if they changed. What cannot be used, such as a certificate whose key has not arrived yet,
// leaves the old pair in force, is told once, and is tried again at the next look. The lock is held.
func (c *certificate) reload() {
	c.checked = c.now()
	seen, err := c.stamps()
	if err == nil && seen[0].equal(c.seen[0]) && seen[1].equal(c.seen[1]) {
		return
	}
	if err == nil {
		err = c.load()
	}
	if err != nil {
		c.complain(err)
		return
	}
	c.complaint = ""
	c.logger.Info("certificate reloaded", "expires", c.current.Leaf.NotAfter)
}

// complain tells why the old certificate stays, unless it has just told the same.
func (c *certificate) complain(err error) {
	if err.Error() == c.complaint {
		return
	}
	c.complaint = err.Error()
	c.logger.Warn("certificate not reloaded, the old one stays", "expires", c.current.Leaf.NotAfter, "err", err)
}

// load reads the pair. The stamps are taken before: what changes while it is read is read again.
func (c *certificate) load() error {
	seen, err := c.stamps()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil {
		return fmt.Errorf("load certificate %q with key %q: %w", c.files.Certificate, c.files.Key, err)
	}
	c.current, c.seen = &pair, seen
	return nil
}

func (c *certificate) stamps() (seen [2]stamp, err error) {
	for i, name := range []string{c.files.Certificate, c.files.Key} {
		info, err := os.Stat(name)
		if err != nil {
			return seen, fmt.Errorf("look at certificate and key: %w", err)
		}
		seen[i] = stamp{info, info.Size(), info.ModTime()}
	}
	return seen, nil
}
