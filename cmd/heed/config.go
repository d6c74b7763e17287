package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is every setting of the program. Its defaults, names and limits stand in settings.go.
type Config struct {
	DataDir      string
	LogLevel     string
	DrainTimeout time.Duration

	Install struct {
		SecretFile     string // empty: the data folder's own, made once
		OldSecretFiles []string
	}
	Collector struct {
		Addresses      []string
		ReusePort      int
		TLS            struct{ Certificate, Key string } // files; empty: plain HTTP
		ProxyProtocol  []string
		Prefix         string // empty: the install's own, made once
		PublicURL      string // empty: made from the first address
		TrustedProxies []string
		ProxyHeader    string
		Rate           int
		ReadTimeout    time.Duration
		IdleTimeout    time.Duration
		MaxConnections int
	}
	API struct {
		Address string
		Token   string
	}
	WAL struct {
		Dir          string // empty: wal in the data folder
		MaxBytes     int64
		SegmentBytes int64
	}
	Load struct {
		MaxRows   int
		MaxWait   time.Duration
		RecentIDs int
	}
	ClickHouse struct {
		DSN     string // empty: the embedded engine
		Cluster string // empty: one server
		Library string
	}
	Kafka   kafkaSettings
	Records recordsSettings
	Geo     struct {
		City    []string
		Network []string
	}
	Demo struct {
		Enabled bool
		Address string
	}
	Sites []Site

	origins map[string]origin // by setting name; absent means default
}

// walDir is the folder of the log.
func (c *Config) walDir() string {
	if c.WAL.Dir != "" {
		return c.WAL.Dir
	}
	return filepath.Join(c.DataDir, "wal")
}

// logger writes text to w from the configured level on.
func (c *Config) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err) // the table lets only levels pass
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

const (
	defaultConfigFile = "heed.yaml"
	configVariable    = "HEED_CONFIG"
	maxConfigBytes    = 1 << 20
)

// loadConfig reads default, file, environment and flags, in rising precedence, and reports every problem in all of
// them at once. It opens nothing but the configuration file.
func loadConfig(p *program, f *flags) (*Config, error) {
	cfg := newConfig()
	name, data, err := readConfigFile(p, f)
	if err != nil {
		return nil, err
	}
	bad := cfg.applyFile(name, data)
	for _, s := range settings(cfg) {
		if text := p.getenv(s.variable()); text != "" {
			bad = append(bad, cfg.apply(s, text, origin{kind: fromEnvironment, name: s.variable()})...)
		}
		if text, ok := f.settings[s.name]; ok {
			bad = append(bad, cfg.apply(s, text, origin{kind: fromFlag, name: "--" + s.name})...)
		}
	}
	bad = append(bad, cfg.check()...)
	if len(bad) > 0 {
		return cfg, bad
	}
	return cfg, nil
}

// newConfig has every default.
func newConfig() *Config {
	cfg := &Config{origins: map[string]origin{}}
	for _, s := range settings(cfg) {
		if err := s.value.set(s.def); err != nil {
			panic(fmt.Sprintf("default of %s: %v", s.name, err))
		}
	}
	return cfg
}

// apply sets one value and remembers where it came from.
func (c *Config) apply(s setting, text string, from origin) problems {
	c.origins[s.name] = from
	if err := s.value.set(text); err != nil {
		return problems{asProblem(err, s.name, from)}
	}
	return nil
}

func asProblem(err error, key string, from origin) problem {
	var c *complaint
	if errors.As(err, &c) {
		return problem{origin: from, key: key, what: c.what, remedy: c.remedy}
	}
	return problem{origin: from, key: key, what: err.Error()}
}

// readConfigFile returns the name and bytes of the configuration file; no bytes when there is none and none was named.
func readConfigFile(p *program, f *flags) (name string, data []byte, err error) {
	named := f.config
	if named == "" {
		named = p.getenv(configVariable)
	}
	name = named
	if name == "" {
		name = defaultConfigFile
	}
	file, err := os.Open(name)
	if named == "" && errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	if err != nil {
		return name, nil, fmt.Errorf("read configuration: %w (name the file with --config or %s)", err, configVariable)
	}
	defer file.Close()
	data, err = io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return name, nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxConfigBytes {
		return name, nil, fmt.Errorf("read configuration %s: it is larger than %v (is it the right file?)", name, byteSize(maxConfigBytes))
	}
	return name, data, nil
}

// check finds what no single setting can know of itself.
func (c *Config) check() problems {
	var bad problems
	fault := func(key, remedy, format string, args ...any) {
		bad = append(bad, problem{origin: c.origins[key], key: key, what: fmt.Sprintf(format, args...), remedy: remedy})
	}
	if c.API.Token == "" && !isLoopback(c.API.Address) {
		fault("api.address", "set api.token to at least 32 characters, or listen on 127.0.0.1",
			"%s can be reached from other machines and needs a token", c.API.Address)
	}
	if c.WAL.SegmentBytes > c.WAL.MaxBytes/2 {
		fault("wal.segment_bytes", "at most half of it", "%v is too large for wal.max_bytes %v",
			byteSize(c.WAL.SegmentBytes), byteSize(c.WAL.MaxBytes))
	}
	if (c.Collector.TLS.Certificate == "") != (c.Collector.TLS.Key == "") {
		fault("collector.tls.certificate", "name both files, or neither", "certificate and key go together")
	}
	if c.ClickHouse.Cluster != "" && c.ClickHouse.DSN == "" {
		fault("clickhouse.cluster", "set clickhouse.dsn to one of its servers", "the embedded engine is no cluster")
	}
	c.Kafka.check(fault)
	c.Records.check(fault)
	needed := slices.ContainsFunc(c.Sites, func(s Site) bool { return s.PublicURL == "" })
	if needed && c.Collector.PublicURL == "" && !hasPort(c.Collector.Addresses) {
		fault("collector.public_url", "write it as pages will use it, as https://stats.example.com",
			"it cannot be made from %s", strings.Join(c.Collector.Addresses, listSeparator))
	}
	listeners := []struct{ key, address string }{{"api.address", c.API.Address}}
	for _, address := range c.Collector.Addresses {
		listeners = append(listeners, struct{ key, address string }{"collector.address", address})
	}
	if c.Demo.Enabled {
		listeners = append(listeners, struct{ key, address string }{"demo.address", c.Demo.Address})
	}
	for i, a := range listeners {
		for _, b := range listeners[:i] {
			if a.address == b.address && !strings.HasSuffix(a.address, ":0") {
				fault(a.key, "give each its own port", "%s is also the address of %s", a.address, b.key)
			}
		}
	}
	return bad
}

// hasPort tells whether the first address is one that a browser could be given.
func hasPort(addresses []string) bool {
	return len(addresses) > 0 && checkAddress(addresses[0]) == nil
}

// isLoopback tells whether only this machine can reach the address. A name other than localhost may be anything.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
