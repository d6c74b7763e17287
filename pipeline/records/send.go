package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"heed/pipeline/clickhouse"
	"heed/pipeline/durable"
)

// Limits of sending.
const (
	sendTimeout  = 15 * time.Second // for one root
	maxSendPause = time.Hour
)

// Destinations are where signed roots go, so that they are out of reach of whoever can change what is stored here.
type Destinations struct {
	// URL takes each signed note by POST, as text/plain, and answers 2xx once it keeps it. It may get one twice. Only a
	// destination on this machine may do without https.
	URL string
	// Dir is a folder that gets a file for each, as a share of another machine that only adds.
	Dir string
}

// ParseDestinations reads a list of URLs and folders: at most one of each.
func ParseDestinations(list []string) (d Destinations, err error) {
	for _, text := range list {
		to := &d.Dir
		if strings.Contains(text, "://") {
			to = &d.URL
		}
		if *to != "" {
			return d, fmt.Errorf("%q: one URL and one folder at most", text)
		}
		*to = text
	}
	return d, d.Validate()
}

// Validate reports what no root could be sent to. It touches neither disk nor network.
func (d Destinations) Validate() error {
	if d.URL == "" {
		return nil
	}
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("records.send_roots_to: want a URL that begins with https://, or a folder")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("records.send_roots_to: http:// is for this machine alone; use https://")
	}
	return nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// String names the destinations, without what a URL may keep secret.
func (d Destinations) String() string {
	var names []string
	if u, err := url.Parse(d.URL); d.URL != "" && err == nil {
		names = append(names, u.Scheme+"://"+u.Host)
	}
	if d.Dir != "" {
		names = append(names, d.Dir)
	}
	return strings.Join(names, " and ")
}

// sender sends roots.
type sender struct {
	Destinations
	client *http.Client
}

func newSender(to Destinations) *sender {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: sendTimeout,
		DialContext: (&net.Dialer{Timeout: sendTimeout}).DialContext, DisableKeepAlives: true,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a 3xx keeps nothing
	return &sender{to, &http.Client{Transport: transport, CheckRedirect: stay, Timeout: sendTimeout}}
}

// send brings a root to every destination. One that has it already gets it again.
func (s *sender) send(ctx context.Context, root clickhouse.Root) error {
	var errs []error
	if s.URL != "" {
		errs = append(errs, s.post(ctx, root))
	}
	if s.Dir != "" {
		name := filepath.Join(s.Dir, fmt.Sprintf("%s.%s.%d.note", url.PathEscape(root.Site), root.Day, root.Size))
		if err := os.MkdirAll(s.Dir, 0o755); err != nil {
			errs = append(errs, fmt.Errorf("make folder of roots: %w", err))
		} else if err := durable.WriteFile(name, root.Note); err != nil {
			errs = append(errs, fmt.Errorf("write root: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (s *sender) post(ctx context.Context, root clickhouse.Root) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(root.Note))
	if err != nil {
		return errors.New("send root: the URL cannot be used") // the error would show it
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := s.client.Do(r)
	if err != nil {
		if inner := new(url.Error); errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("send root to %s: %w", r.URL.Host, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("send root to %s: it answers %d", r.URL.Host, answer.StatusCode)
	}
	return nil
}

// sendLater sends what is not sent, unless that failed a moment ago.
func (n *Notary) sendLater(ctx context.Context) error {
	if n.resting += tick; n.pause > 0 && n.resting < n.pause {
		return nil
	}
	n.resting = 0
	err := n.send(ctx)
	if err == nil {
		n.pause = 0
		return nil
	}
	n.pause = min(max(2*n.pause, tick), maxSendPause)
	return err
}

// send sends every root that some destination does not have, the oldest first, until one fails.
func (n *Notary) send(ctx context.Context) error {
	unsent, err := n.store.UnsentRoots(ctx)
	if err != nil {
		return err
	}
	n.metrics.unsent.Store(int64(len(unsent)))
	if n.cfg.SendTo == (Destinations{}) {
		return nil
	}
	for i, root := range unsent {
		if err := n.sender.send(ctx, root); err != nil {
			n.metrics.failures.Inc()
			return fmt.Errorf("%d signed roots have not left this machine, the oldest of %s: %w", len(unsent)-i, root.Day, err)
		}
		root.Sent, root.SentTo = n.cfg.Now().UTC(), n.cfg.SendTo.String()
		if err := n.store.PutRoot(ctx, root); err != nil {
			return err
		}
		n.metrics.sent.Inc()
		n.metrics.unsent.Add(-1)
	}
	return nil
}
