package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"heed/cmd/heed/demo"
	"heed/collector"
	"heed/collector/limit"
	"heed/collector/listen"
	"heed/pipeline/enrich"
	"heed/pipeline/ledger"
	"heed/pipeline/wal"
	"heed/snippet"
)

func serveCommand() command {
	return command{
		name: "serve", args: "[settings]", summary: "Run everything in one process until Ctrl-C.",
		detail: "A stop brings what the log holds into ClickHouse first. A second Ctrl-C ends at once; what was accepted " +
			"is in the log by then, and the next start continues there.",
		example: "heed serve --demo",
		run:     runServe,
	}
}

// runServe validates everything before it touches anything.
func runServe(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	if err := cfg.checkServable(); err != nil {
		return err
	}
	for _, w := range cfg.warnings {
		fmt.Fprintf(p.stderr, "warning: %s\n", w)
	}
	ctx, stop := interruptible(ctx, p.stderr)
	defer stop()
	s := &server{cfg: cfg, p: p, logger: cfg.logger(p.stderr), failed: make(chan error, 1)}
	err = s.open(ctx)
	if err == nil {
		s.announce()
		err = s.wait(ctx)
	}
	return errors.Join(err, s.close(context.WithoutCancel(ctx)))
}

// server is everything that runs, in the order in which it is opened; close goes the other way.
type server struct {
	cfg    *Config
	p      *program
	logger *slog.Logger

	unlock    func()
	install   *install
	log       *wal.Log
	backend   *backend
	enricher  *enrich.Enricher
	listeners listeners
	sites     []builtSite
	collector *collector.Collector
	ledger    *ledger.Ledger
	web       []*http.Server // api, socket and demo

	stopping atomic.Bool // no more events are accepted
	running  sync.WaitGroup
	failed   chan error // the first part that stopped without being asked to
}

// listeners are bound before the scripts are built: a port of 0 gets its number here, and scripts name it.
type listeners struct {
	collector         []net.Listener
	api, socket, demo net.Listener
}

// open starts everything. On an error the caller closes what was opened.
func (s *server) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.openData, s.openPipeline, s.listen, s.buildSites, s.startCollector, s.openLedger, s.startWeb,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("stopped before everything had started")
		}
	}
	return nil
}

func (s *server) openData(context.Context) (err error) {
	if s.cfg.DataDir, err = filepath.Abs(s.cfg.DataDir); err != nil {
		return fmt.Errorf("find data folder: %w", err)
	}
	if s.unlock, err = lockData(s.cfg.DataDir); err != nil {
		return err
	}
	if s.install, err = openInstall(s.cfg.DataDir); err != nil {
		return err
	}
	if s.cfg.Collector.Prefix == "" {
		s.cfg.Collector.Prefix = s.install.Prefix
	}
	return nil
}

func (s *server) openPipeline(ctx context.Context) (err error) {
	w := s.cfg.WAL
	s.log, err = wal.Open(ctx, wal.Config{Dir: s.cfg.walDir(), MaxBytes: w.MaxBytes, SegmentBytes: w.SegmentBytes}, s.logger)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.p.stdout, "starting ClickHouse …")
	if s.backend, err = openBackend(ctx, s.cfg, s.log, s.p.now, s.logger); err != nil {
		return err
	}
	s.running.Go(s.backend.run)
	s.enricher, err = enrich.Open(ctx, enrich.Config{City: s.cfg.Geo.City, Network: s.cfg.Geo.Network}, s.logger)
	return err
}

func (s *server) listen(ctx context.Context) (err error) {
	l, cfg := &s.listeners, s.cfg
	if l.collector, err = listen.Open(ctx, cfg.listen(s.p.getenv), s.logger); err != nil {
		return fmt.Errorf("collector.address: %w (its setting is --collector.address)", err)
	}
	for _, want := range []struct {
		setting, address string
		listener         *net.Listener
		wanted           bool
	}{
		{"api.address", cfg.API.Address, &l.api, true},
		{"demo.address", cfg.Demo.Address, &l.demo, cfg.Demo.Enabled},
	} {
		if !want.wanted {
			continue
		}
		listener, err := net.Listen("tcp", want.address)
		if err != nil {
			return fmt.Errorf("%s: %w (stop what uses the port, or choose another with --%s)", want.setting, err, want.setting)
		}
		*want.listener = listener
	}
	l.socket, err = listenSocket(cfg.DataDir)
	return err
}

// listen is what the settings say of the collector's listeners.
func (c *Config) listen(getenv func(string) string) listen.Config {
	cfg := listen.Config{
		Addresses: c.Collector.Addresses,
		ReusePort: c.Collector.ReusePort,
		TLS:       listen.TLS{Certificate: c.Collector.TLS.Certificate, Key: c.Collector.TLS.Key},
		Getenv:    getenv,
	}
	for _, text := range c.Collector.ProxyProtocol {
		cfg.Proxy.From = append(cfg.Proxy.From, mustPrefix(text))
	}
	return cfg
}

func (s *server) buildSites(context.Context) error {
	public := s.cfg.Collector.PublicURL
	if public == "" {
		public = s.collectorURL(s.listeners.collector[0])
	}
	sites := s.cfg.Sites
	if s.cfg.Demo.Enabled {
		sites = withDemoSite(sites, s.listeners.demo.Addr())
	}
	var err error
	s.sites, err = buildSites(sites, public, s.cfg.Collector.Prefix, s.install, s.cfg.DataDir, s.p.stdout)
	return err
}

func (s *server) startCollector(context.Context) (err error) {
	cfg := collector.Config{
		Prefix:      s.cfg.Collector.Prefix,
		ProxyHeader: s.cfg.Collector.ProxyHeader,
		Now:         s.p.now,
		Limits: collector.Limits{
			ReadTimeout: s.cfg.Collector.ReadTimeout,
			IdleTimeout: s.cfg.Collector.IdleTimeout,
			Connections: s.cfg.Collector.MaxConnections,
		},
	}
	if rate := s.cfg.Collector.Rate; rate > 0 {
		cfg.Rates = &limit.Config{Rate: float64(rate)}
	}
	for _, text := range s.cfg.Collector.TrustedProxies {
		cfg.TrustedProxies = append(cfg.TrustedProxies, mustPrefix(text))
	}
	for _, site := range s.sites {
		cfg.Sites = append(cfg.Sites, site.collected)
	}
	if s.collector, err = collector.New(cfg, s.log, s.enricher, s.logger); err != nil {
		return err
	}
	for _, listener := range s.listeners.collector {
		s.serve("collector", func() error { return s.collector.Serve(listener) })
	}
	return nil
}

func (s *server) startWeb(context.Context) error {
	api := &api{
		token:   s.cfg.API.Token,
		answers: withLedger(s.ledger, s.backend),
		checks: []check{
			{"collector", s.checkCollector}, {"log", s.checkLog}, {"store", s.backend.checkStore}, {"loader", s.backend.checkLoader},
		},
		metrics: []metricsWriter{s.collector, s.enricher, s.log, s.backend, s.ledger},
	}
	s.serveWeb("api", s.listeners.api, api.public())
	s.serveWeb("socket", s.listeners.socket, api.private())
	if !s.cfg.Demo.Enabled {
		return nil
	}
	pages, err := demo.New(demo.Config{
		Tag:     snippet.Tag(s.site(demoSite).endpoint),
		Numbers: demoNumbers(s.backend, s.p.now),
	})
	if err != nil {
		return err
	}
	s.serveWeb("demo", s.listeners.demo, pages)
	return nil
}

// Limits of the listeners that are not the collector's.
const (
	webReadTimeout  = 10 * time.Second
	webWriteTimeout = time.Minute // longer than the longest query
	webHeaderBytes  = 16 << 10
)

func (s *server) serveWeb(name string, listener net.Listener, handler http.Handler) {
	web := &http.Server{
		Handler: handler, ReadTimeout: webReadTimeout, WriteTimeout: webWriteTimeout, IdleTimeout: webWriteTimeout,
		MaxHeaderBytes: webHeaderBytes, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	s.web = append(s.web, web)
	s.serve(name, func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// serve runs one listener until it is shut down. When it ends before that, the whole server stops.
func (s *server) serve(name string, run func() error) {
	s.running.Go(func() {
		if err := run(); err != nil {
			select {
			case s.failed <- fmt.Errorf("serve %s: %w", name, err):
			default: // the first one is the cause
			}
		}
	})
}

// wait returns when the process is asked to stop, or a part has ended.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// checkCollector tells a load balancer to send nobody any more.
func (s *server) checkCollector(context.Context) error {
	if s.stopping.Load() {
		return errors.New("stopping")
	}
	return nil
}

// checkLog tells whether the log takes events.
func (s *server) checkLog(context.Context) error {
	if bytes, limit := s.log.Size(); bytes >= limit {
		return fmt.Errorf("the log is full: %v of %v", byteSize(bytes), byteSize(limit))
	}
	return nil
}

// site finds a site that is configured.
func (s *server) site(id string) builtSite {
	for _, site := range s.sites {
		if site.collected.ID == id {
			return site
		}
	}
	return builtSite{}
}

// collectorURL is where the collector itself is found behind one of its listeners.
func (s *server) collectorURL(listener net.Listener) string {
	switch {
	case listener.Addr().Network() == "unix":
		return "unix:" + listener.Addr().String()
	case s.cfg.Collector.TLS.Certificate != "":
		return "https://" + reachable(listener.Addr())
	}
	return "http://" + reachable(listener.Addr())
}

// reachable is a listener's address as a browser on this machine would write it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return address.String()
}

// mustPrefix reads what checkNetwork let pass.
func mustPrefix(text string) netip.Prefix {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked()
	}
	address := netip.MustParseAddr(text)
	return netip.PrefixFrom(address, address.BitLen())
}
