package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// Config says which store to open.
type Config struct {
	// DSN of a server, clickhouse://user:password@host:9000/database or https://…. Empty means the embedded engine.
	DSN string
	// Path is the data folder of the embedded engine. It is made when it is missing.
	Path string
	// Library is where libchdb.so lies.
	Library string
	// Database within the embedded engine; default "heed". A server's database stands in its DSN.
	Database string
	// Connections is how many statements the embedded engine runs at once, inserts aside; default 4.
	Connections int
	// MemoryBytes is what the embedded engine may use before it fails a query; 0 is half of the machine's memory.
	MemoryBytes int64
	// ConfigFile is a configuration file of ClickHouse that the embedded engine reads; empty means none.
	ConfigFile string
	// Cluster is the name of the cluster that the server is part of, as in system.clusters: then tables are replicated,
	// and those with many rows spread over its shards. Empty means one server, or the embedded engine.
	Cluster string
}

// databaseName is deliberately narrow: the name stands in URLs and statements.
var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Validate reports all problems of the configuration.
func (c Config) Validate() error {
	var problems []error
	if c.DSN != "" {
		if _, err := driver.ParseDSN(c.DSN); err != nil {
			problems = append(problems, fmt.Errorf("dsn: %w", err))
		}
		if c.Cluster != "" && !databaseName.MatchString(c.Cluster) {
			problems = append(problems, fmt.Errorf("cluster: %q is not a name of letters, digits and _", c.Cluster))
		}
		return errors.Join(problems...)
	}
	if c.Cluster != "" {
		problems = append(problems, errors.New("cluster: the embedded engine is none; name a server by dsn"))
	}
	if c.Path == "" {
		problems = append(problems, errors.New("path: a data folder is needed when there is no dsn"))
	}
	if c.Library == "" {
		problems = append(problems, errors.New("library: the path of libchdb.so is needed when there is no dsn"))
	}
	if c.Database != "" && !databaseName.MatchString(c.Database) {
		problems = append(problems, fmt.Errorf("database: %q is not a name of letters, digits and _", c.Database))
	}
	if c.Connections < 0 || c.Connections > 64 {
		problems = append(problems, fmt.Errorf("connections: %d is not between 1 and 64", c.Connections))
	}
	if c.MemoryBytes < 0 {
		problems = append(problems, fmt.Errorf("memory: %d is negative", c.MemoryBytes))
	}
	return errors.Join(problems...)
}

// Store is an open store. It may be used by several goroutines.
type Store struct {
	cfg       Config
	log       *slog.Logger
	dsn       string
	database  string
	conn      driver.Conn
	transport *transport // nil for a server
	dialect   dialect
	shards    shardCache
	spare     spareColumns
	metrics   storeMetrics
	freeBytes func(path string) (uint64, error) // of the engine's disk; a test lets it run full

	closeOnce sync.Once
	closeErr  error
}

// Open opens the store. A server is only asked whether it answers; tables are made by [Store.Migrate].
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, log: log.With("component", "clickhouse"), dsn: cfg.DSN, metrics: newStoreMetrics(), freeBytes: freeBytes,
		dialect: dialect{cluster: cfg.Cluster}}
	if cfg.DSN == "" {
		if err := s.embed(); err != nil {
			return nil, err
		}
	}
	options, err := s.options()
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	s.database = options.Auth.Database
	if s.conn, err = driver.Open(options); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close(ctx))
	}
	return s, nil
}

// embed starts the engine in this process, or joins it, and names it by a DSN that only its transport can serve.
func (s *Store) embed() error {
	if s.cfg.Database == "" {
		s.cfg.Database = "heed"
	}
	if s.cfg.Connections == 0 {
		s.cfg.Connections = 4
	}
	engine, err := acquireEngine(s.cfg)
	if err != nil {
		return err
	}
	s.transport = &transport{engine: engine}
	connections := strconv.Itoa(s.cfg.Connections + 1)
	query := url.Values{"max_open_conns": {connections}, "max_idle_conns": {connections}}
	dsn := url.URL{Scheme: "http", Host: "embedded", Path: "/" + s.cfg.Database, RawQuery: query.Encode()}
	s.dsn = dsn.String()
	return nil
}

// options are those of the DSN, served by the transport when there is one.
func (s *Store) options() (*driver.Options, error) {
	options, err := driver.ParseDSN(s.dsn)
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	if s.transport != nil {
		options.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return s.transport, nil }
		return options, nil
	}
	if _, ok := options.Settings["session_timezone"]; !ok {
		options.Settings["session_timezone"] = "UTC"
	}
	return options, nil
}

// DSN is what clickhouse-go opens the same store with. With the embedded engine it needs the store's Transport.
func (s *Store) DSN() string { return s.dsn }

// Transport serves the DSN of the embedded engine as long as the store is open. It is nil for a server.
func (s *Store) Transport() http.RoundTripper {
	if s.transport == nil {
		return nil
	}
	return s.transport
}

// Ping asks whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Version of the engine or server.
func (s *Store) Version(ctx context.Context) (string, error) {
	if s.transport != nil {
		return s.transport.engine.version, nil
	}
	version, err := s.conn.ServerVersion()
	if err != nil {
		return "", fmt.Errorf("ask for the server's version: %w", err)
	}
	return proto.Version.String(version.Version), nil
}

// Close gives up the store. The embedded engine stops with the last store on it: questions that still run are ended,
// an insert is waited for until ctx ends. A second call does nothing.
func (s *Store) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		if s.conn != nil {
			s.closeErr = s.conn.Close()
		}
		if s.transport != nil && s.transport.closed.CompareAndSwap(false, true) {
			s.closeErr = errors.Join(s.closeErr, s.transport.engine.release(ctx))
		}
	})
	return s.closeErr
}
