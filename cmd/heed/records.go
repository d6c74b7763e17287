package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"

	"heed/collector"
	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/load"
	"heed/pipeline/records"
	"heed/pipeline/wal"
)

// recorder keeps the consent records of this process: the log that the collector writes, the loader that chains what
// stands in it, and the notary that signs the chains.
type recorder struct {
	*host
	log     *wal.Log
	storage *storage
	loader  *records.Loader
	notary  *records.Notary

	ctx     context.Context // of loader and notary, longer than that of the listeners
	cancel  context.CancelFunc
	working sync.WaitGroup // the notary
	ended   chan struct{}  // closed when the loader has ended

	mu  sync.Mutex
	err error // what ended the loader
}

// openRecorder opens the consent log and begins to bring what it holds to rest. secret is what roots are signed with.
func (h *host) openRecorder(ctx context.Context, storage *storage, secret *install) (*recorder, error) {
	r := &recorder{host: h, storage: storage, ended: make(chan struct{})}
	var err error
	if r.log, err = h.openConsentLog(ctx); err != nil {
		return nil, err
	}
	plans, err := load.FilePlans(filepath.Join(h.cfg.DataDir, "records"))
	if err != nil {
		return nil, err
	}
	parts := records.Parts{Log: load.Local(r.log), Plans: plans, Store: storage.store, Dead: storage.store}
	if r.loader, err = records.Open(ctx, records.Config{}, parts, h.logger); err != nil {
		return nil, err
	}
	if r.notary, err = h.cfg.notary(h.p, storage.store, secret, h.logger); err != nil {
		return nil, err
	}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.atStop(r.stop)
	h.running.Go(r.load)
	r.working.Go(func() {
		if storage.await(r.ctx) == nil {
			_ = r.notary.Run(r.ctx) // ends with ctx alone
		}
	})
	return r, nil
}

// openConsentLog opens the log of consent records, which is closed at the stop unless something that drains it has closed
// it before.
func (h *host) openConsentLog(ctx context.Context) (*wal.Log, error) {
	log, err := wal.Open(ctx, h.cfg.consentWAL(), h.logger.With("log", "consent"))
	if err != nil {
		return nil, err
	}
	h.atStop(func(ctx context.Context) error { return bounded(ctx, log.Close) })
	return log, nil
}

// notary prepares the notary that the settings describe; nil when nothing signs.
func (c *Config) notary(p *program, store records.NotaryStore, secret *install, logger *slog.Logger) (*records.Notary, error) {
	signer, err := c.signer(secret)
	if err != nil || signer == nil {
		return nil, err
	}
	to, err := c.Records.destinations()
	if err != nil {
		return nil, err
	}
	return records.NewNotary(records.NotaryConfig{Signer: signer, SendTo: to, ProofYears: c.Records.ProofYears, Now: p.now}, store, logger)
}

// load waits for the store and chains until the log is closed and read, or the recorder is stopped.
func (r *recorder) load() {
	defer close(r.ended)
	if r.storage.await(r.ctx) != nil {
		return
	}
	err := r.loader.Run(r.ctx)
	if err != nil && r.ctx.Err() == nil {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		r.logger.Error("consent records are not chained any more; they wait in their log until the cause is gone and heed is started again",
			"component", "heed", "err", err)
	}
}

// stop brings the consent log into ClickHouse, as far as the time for it goes.
func (r *recorder) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.DrainTimeout)
	defer cancel()
	err := r.log.Close(ctx)
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	r.cancel() // what is under way is settled by the next start, from the plan
	<-r.ended
	r.working.Wait()
	if r.stopping.Load() && ctx.Err() != nil {
		fmt.Fprintln(r.p.stdout, "not every consent record reached ClickHouse in time; the rest is safe in its log, and the next start continues there")
		return nil
	}
	return err
}

// check tells whether consent records come out of their log.
func (r *recorder) check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return errors.New("consent records are not chained any more; the log of the process says why")
	}
	return nil
}

// WriteMetrics writes those of log, loader and notary.
func (r *recorder) WriteMetrics(w io.Writer) {
	writeLabelled(w, r.log, consentLabel)
	r.loader.WriteMetrics(w)
	r.notary.WriteMetrics(w)
}

// consentLabel tells the metrics of the consent stream from those of the events.
const consentLabel = `stream="consent"`

// await waits until the store has answered, or for the end of ctx.
func (s *storage) await(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// archive puts the notices of sites into the archive, as soon as the store takes them.
func (h *host) archive(ctx context.Context, storage *storage, sites map[string][]record.Archived) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends with ctx, which the stop ends
		defer close(done)
		for storage.await(ctx) == nil {
			err := putNotices(ctx, storage.store, sites)
			if err == nil || ctx.Err() != nil {
				return
			}
			h.logger.Warn("notices are not archived yet, will try again", "component", "heed", "err", err)
			sleep(ctx, maxReconnect)
		}
	}()
	h.atStop(func(context.Context) error { cancel(); <-done; return nil })
}

func putNotices(ctx context.Context, store *clickhouse.Store, sites map[string][]record.Archived) error {
	for site, notices := range sites {
		if err := store.PutNotices(ctx, site, notices); err != nil {
			return err
		}
	}
	return nil
}

// archived returns the notices of the sites that the edge has built.
func (e *edge) archived() map[string][]record.Archived {
	all := map[string][]record.Archived{}
	for _, site := range e.sites {
		for _, n := range site.collected.Notices {
			all[site.collected.ID] = append(all[site.collected.ID], record.Archived{Ref: n.Ref, Text: n.Text})
		}
	}
	return all
}

// receipts answers the collector's question for a record and its notice.
func (h *host) receipts(storage *storage) collector.ReceiptSource {
	auditor := records.Auditor{Store: storage.store, Now: h.p.now}
	return func(ctx context.Context, site, id string) (*record.Record, *record.Notice, error) {
		var which record.ID
		if err := which.UnmarshalText([]byte(id)); err != nil || !storage.isReady() {
			return nil, nil, collector.ErrNoReceipt
		}
		r, notice, err := auditor.Receipt(ctx, site, which)
		if errors.Is(err, records.ErrNoRecord) || errors.Is(err, records.ErrNoNotice) || err == nil && notice == nil {
			err = collector.ErrNoReceipt
		}
		return r, notice, err
	}
}
