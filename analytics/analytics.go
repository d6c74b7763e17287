package analytics

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// maxConnections bounds the questions that are asked at once; more wait. The embedded engine shares its cores with
// the collector, so a wide dashboard must not starve it.
const maxConnections = 4

// Config says where the events are and which sites exist.
type Config struct {
	// DSN of the ClickHouse server: clickhouse://, http:// or https://, with the database as its path.
	DSN string
	// Transport reaches an embedded engine over HTTP; nil for a server.
	Transport http.RoundTripper
	// Sites lists the ids of the configured sites; a question about another one is unknown_site.
	Sites []string
	// Now is the clock that days and default ranges follow; nil means time.Now.
	Now func() time.Time
	// Log takes what went wrong inside; nil discards it.
	Log *slog.Logger
}

// Validate reports every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.DSN == "" {
		errs = append(errs, errors.New("dsn: empty; name the ClickHouse server, as in clickhouse://localhost:9000/heed"))
	}
	for i, id := range c.Sites {
		if id == "" {
			errs = append(errs, fmt.Errorf("sites[%d]: empty id", i))
		}
	}
	return errors.Join(errs...)
}

// Analytics answers questions. It is safe for concurrent use.
type Analytics struct {
	conn  driver.Conn
	sites map[string]bool
	names []string // of the sites, in the order of the configuration
	log   *slog.Logger
	now   func() time.Time
}

// Open connects to the store and asks it for a sign of life.
func Open(ctx context.Context, cfg Config) (*Analytics, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse: %w", err)
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach clickhouse: %w", err), conn.Close())
	}
	a := &Analytics{conn: conn, sites: make(map[string]bool), names: cfg.Sites, log: cfg.Log, now: cfg.Now}
	for _, id := range cfg.Sites {
		a.sites[id] = true
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.log = a.log.With("component", "analytics")
	return a, nil
}

// Close lets the connections go. It may be called more than once.
func (a *Analytics) Close() error {
	return a.conn.Close()
}

// options turns cfg into the driver's. A server is asked to refuse anything that would write; the embedded engine
// takes no session settings, and what bounds a query stands in its text (queries/settings.sql).
func options(cfg Config) (*clickhouse.Options, error) {
	opts, err := clickhouse.ParseDSN(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("parse dsn: %w", err)
	}
	opts.MaxOpenConns, opts.MaxIdleConns = maxConnections, maxConnections
	opts.ClientInfo.Products = append(opts.ClientInfo.Products, struct{ Name, Version string }{"heed", "analytics"})
	if cfg.Transport == nil {
		opts.Settings["readonly"] = 2 // 2 and not 1: a query may still set its own limits
		return opts, nil
	}
	opts.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return cfg.Transport, nil }
	return opts, nil
}

//go:embed queries/*.sql
var queries embed.FS

// text joins files of queries/ into one statement, and ends it with the limits that every query has. It is called
// with constants only: nothing that a user says becomes part of a statement.
func text(names ...string) string {
	var b strings.Builder
	for _, name := range append(names, "settings") {
		sql, err := queries.ReadFile("queries/" + name + ".sql")
		if err != nil {
			panic(err) // a name that is not in the binary: a mistake of the programmer
		}
		b.Write(sql)
	}
	return b.String()
}
