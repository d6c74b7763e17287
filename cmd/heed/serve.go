package main

import (
	"context"
	"fmt"
	"net"

	"heed/cmd/heed/demo"
	"heed/collector"
	"heed/pipeline/erase"
	"heed/pipeline/inventory"
	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/pipeline/wal"
)

func serveCommand() command {
	return command{
		name: "serve", args: "[settings]", summary: "Run everything in one process until Ctrl-C.",
		detail: "A stop brings what the log holds into ClickHouse first. A second Ctrl-C ends at once; what was accepted " +
			"is in the log by then, and the next start continues there.",
		example: "heed serve --demo",
		run: func(ctx context.Context, p *program, f *flags) error {
			return runRole(ctx, p, f, serveRole())
		},
	}
}

func serveRole() role {
	return role{name: "serve", check: (*Config).checkServable, parts: func(h *host) []step {
		s := &server{host: h, edge: &edge{host: h}, answers: newAnswers(h)}
		return []step{
			s.openStore, s.edge.prepare, s.listen, s.openLog, s.openRecords, s.buildSites, s.archiveNotices, s.takeStock, s.makeCollector, s.edge.start, s.openLedger, s.startWeb, s.announce,
		}
	}}
}

// server is everything in one process: edge, log, loader, store and answers.
type server struct {
	*host
	edge    *edge
	answers *answers
	storage *storage
	log     *wal.Log
	backend *backend
	records *recorder
	eraser  *erase.Routine
	ledger  *ledger.Ledger
	stock   *inventory.Book
	demo    net.Listener // nil without --demo
}

func (s *server) openStore(ctx context.Context) (err error) {
	fmt.Fprintln(s.p.stdout, "starting ClickHouse …")
	s.storage, err = s.openStorage(ctx, s.answers.prepare)
	s.atStop(s.answers.close)
	return err
}

func (s *server) listen(ctx context.Context) (err error) {
	if err := s.host.listen(ctx); err != nil || !s.cfg.Demo.Enabled {
		return err
	}
	s.demo, err = s.bind("demo.address", s.cfg.Demo.Address)
	return err
}

func (s *server) openLog(ctx context.Context) (err error) {
	if s.log, err = s.host.openLog(ctx); err != nil {
		return err
	}
	s.backend, err = s.openBackend(ctx, s.log, s.storage)
	s.eraser = s.startErasing(ctx, s.storage, load.NewDeadLetters(s.storage.store, s.logger, s.p.now))
	return err
}

func (s *server) openRecords(ctx context.Context) (err error) {
	s.edge.receipts = s.receipts(s.storage)
	s.records, err = s.openRecorder(ctx, s.storage, s.edge.install)
	return err
}

func (s *server) archiveNotices(ctx context.Context) error {
	s.archive(ctx, s.storage, s.edge.archived())
	return nil
}

func (s *server) buildSites(context.Context) error {
	sites := s.cfg.Sites
	if s.demo != nil {
		sites = withDemoSite(sites, s.demo.Addr())
	}
	return s.edge.build(sites)
}

func (s *server) takeStock(ctx context.Context) (err error) {
	s.stock, err = s.openInventory(ctx, s.storage)
	s.edge.inventory = s.stock
	return err
}

func (s *server) makeCollector(context.Context) error {
	return s.edge.make(collector.Logs{Events: s.log, Consent: s.records.log})
}

// openLedger begins to keep the accounts. They are followed until the log is closed and read to its end.
func (s *server) openLedger(context.Context) (err error) {
	s.ledger, err = ledger.Open(ledgerConfig(s.cfg, s.p), ledger.Sources{
		Rejected: func() ledger.Counts { return edgeCounts(s.edge.collector, false) }, Log: s.log, Loader: s.backend.loader,
		Erased: func() ledger.Erased { return s.eraser.Totals() },
	}, s.logger)
	if err != nil {
		return err
	}
	s.running.Go(func() {
		if err := s.ledger.Run(s.backend.ctx); err != nil {
			s.logger.Error("the ledger stopped; what was rejected last may be missing from it", "component", "ledger", "err", err)
		}
	})
	return nil
}

func (s *server) startWeb(context.Context) error {
	accounts := func(context.Context) ([]ledger.Account, error) { return s.ledger.Accounts(), nil }
	s.serveAPI(&api{
		answers: withLedger(accounts, s.answers),
		checks: []check{
			{"collector", s.checkStopping}, checkLog(s.log), {"store", s.storage.check}, {"loader", s.backend.checkLoader},
			{"records", s.records.check},
		},
		letters: serveLetters(letterOffice{load.NewDeadLetters(s.storage.store, s.logger, s.p.now), s.storage.store, s.p.now}),
		schema:  serveStoreCheck(s.storage.store),
		consent: s.serveConsent(),
		walls:   s.edge.walls.serveWall(),
		stock:   s.serveInventory(),
		metrics: []metricsWriter{
			s.edge, s.edge.collector, s.edge.enricher, s.log, s.storage.store, s.backend.loader, s.records, s.eraser, s.ledger, s.stock,
		},
	})
	if s.demo == nil {
		return nil
	}
	pages, err := demo.New(demo.Config{
		Tag:     s.edge.site(demoSite).tag,
		Numbers: demoNumbers(s.answers, s.p.now),
	})
	if err != nil {
		return err
	}
	s.serveWeb("demo", s.demo, pages)
	return nil
}
