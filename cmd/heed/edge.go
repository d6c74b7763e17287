package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"

	"heed/collector"
	"heed/collector/limit"
	"heed/collector/listen"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
)

// edge is where events come in: the listeners, the sites' scripts and the collector.
type edge struct {
	*host
	install   *install
	enricher  *enrich.Enricher
	listeners []net.Listener // bound before the scripts are built: a port of 0 gets its number here, and scripts name it
	sites     []builtSite
	collector *collector.Collector
	missing   func(site, name string) *collector.Asset // nil: there are no other collectors
	receipts  collector.ReceiptSource                  // nil: there is no store to look in
	walls     *wallSwitch
	inventory collector.Inventory // nil: there is no store to keep it in
}

// prepare opens what the scripts and the collector are made of, and binds the collector's addresses.
func (e *edge) prepare(ctx context.Context) (err error) {
	if e.install, err = openInstall(e.cfg.DataDir, e.cfg.Install.SecretFile, e.cfg.Collector.Prefix); err != nil {
		return err
	}
	if err = e.install.readOldSecrets(e.cfg.Install.OldSecretFiles); err != nil {
		return err
	}
	e.enricher, err = enrich.Open(ctx, e.cfg.geo(), e.logger)
	if err != nil {
		return err
	}
	e.atStop(func(context.Context) error { e.enricher.Close(); return nil })
	sayAll(e.p.stderr, geoWarnings(e.enricher))
	if e.listeners, err = listen.Open(ctx, e.cfg.listen(e.p.getenv), e.logger); err != nil {
		return fmt.Errorf("collector.address: %w (its setting is --collector.address)", err)
	}
	e.atStop(func(context.Context) error { closeAll(e.listeners); return nil })
	return nil
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

// build makes the sites' scripts.
func (e *edge) build(sites []Site) (err error) {
	public := e.cfg.Collector.PublicURL
	if public == "" {
		public = e.url(e.listeners[0])
	}
	e.sites, err = buildSites(sites, public, e.install, e.cfg.DataDir, e.p.stdout)
	return err
}

// make makes the collector in front of logs.
func (e *edge) make(logs collector.Logs) (err error) {
	if e.collector, err = collector.New(e.config(), logs, e.enricher, e.logger); err != nil {
		return err
	}
	return e.openWallSwitch()
}

// start lets events in.
func (e *edge) start(context.Context) error {
	e.atStop(e.stop)
	for _, listener := range e.listeners {
		e.run("serve collector", func() error { return e.collector.Serve(listener) })
	}
	return nil
}

// config is what the settings say of the collector.
func (e *edge) config() collector.Config {
	cfg := collector.Config{
		Prefix:      e.install.Prefix,
		ProxyHeader: e.cfg.Collector.ProxyHeader,
		Now:         e.p.now,
		Missing:     e.missing,
		Receipts:    e.receipts,
		Inventory:   e.inventory,
		Limits: collector.Limits{
			ReadTimeout: e.cfg.Collector.ReadTimeout,
			IdleTimeout: e.cfg.Collector.IdleTimeout,
			Connections: e.cfg.Collector.MaxConnections,
		},
	}
	if rate := e.cfg.Collector.Rate; rate > 0 {
		cfg.Rates = &limit.Config{Rate: float64(rate)}
	}
	for _, text := range e.cfg.Collector.TrustedProxies {
		cfg.TrustedProxies = append(cfg.TrustedProxies, mustPrefix(text))
	}
	for _, site := range e.sites {
		cfg.Sites = append(cfg.Sites, site.collected)
	}
	return cfg
}

// WriteMetrics writes those of the listeners.
func (e *edge) WriteMetrics(w io.Writer) { listen.WriteMetrics(w, e.listeners) }

// stop accepts nothing more and answers what was accepted.
func (e *edge) stop(ctx context.Context) error {
	e.stopping.Store(true)
	fmt.Fprintln(e.p.stdout, "stopping: no more events are accepted; draining …")
	return bounded(ctx, e.collector.Shutdown)
}

// site finds a site that is configured.
func (e *edge) site(id string) builtSite {
	for _, site := range e.sites {
		if site.collected.ID == id {
			return site
		}
	}
	return builtSite{}
}

// url is where the collector itself is found behind one of its listeners.
func (e *edge) url(listener net.Listener) string {
	switch {
	case listener.Addr().Network() == "unix":
		return "unix:" + listener.Addr().String()
	case e.cfg.Collector.TLS.Certificate != "":
		return "https://" + reachable(listener.Addr())
	}
	return "http://" + reachable(listener.Addr())
}

// mustPrefix reads what checkNetwork let pass.
func mustPrefix(text string) netip.Prefix {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked()
	}
	address := netip.MustParseAddr(text)
	return netip.PrefixFrom(address, address.BitLen())
}

// openLog opens the local log, which is closed at the stop unless something that drains it has closed it before.
func (h *host) openLog(ctx context.Context) (*wal.Log, error) {
	log, err := wal.Open(ctx, h.cfg.wal(), h.logger)
	if err != nil {
		return nil, err
	}
	h.atStop(func(ctx context.Context) error { return bounded(ctx, log.Close) })
	return log, nil
}

// wal is what the settings say of the local log.
func (c *Config) wal() wal.Config {
	return wal.Config{Dir: c.walDir(), MaxBytes: c.WAL.MaxBytes, SegmentBytes: c.WAL.SegmentBytes}
}

// checkLog tells whether the log takes events.
func checkLog(log *wal.Log) check {
	return check{"log", func(context.Context) error {
		if bytes, limit := log.Size(); bytes >= limit {
			return fmt.Errorf("the log is full: %v of %v", byteSize(bytes), byteSize(limit))
		}
		return nil
	}}
}
