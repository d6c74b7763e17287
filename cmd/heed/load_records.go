package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"heed/consent/record"
	"heed/pipeline/kafka"
	"heed/pipeline/load"
	"heed/pipeline/records"
)

// recordPartitions are the partitions of consent records among those that are loaded.
type recordPartitions struct {
	topic  *topic
	notary *records.Notary // nil where nothing signs; works where partition 0 is

	mu      sync.Mutex
	loaders map[int]*records.Loader // by partition, as it was assigned last
	stuck   map[int]error           // why one stands still
}

// openRecords opens what chaining needs, and archives the notices of the sites that the settings describe.
func (l *partitions) openRecords(ctx context.Context) error {
	secret, err := l.cfg.knownSecret()
	if err != nil {
		return err
	}
	r := &l.records
	r.loaders, r.stuck = map[int]*records.Loader{}, map[int]error{}
	if r.notary, err = l.cfg.notary(l.p, l.storage.store, secret, l.logger); err != nil {
		return err
	}
	if r.notary == nil {
		l.logger.Warn("nothing signs the consent records here: set install.secret_file or records.key_file", "component", "heed")
	}
	sites, err := builtNotices(l.cfg.Sites)
	if err != nil {
		return err
	}
	l.archive(ctx, l.storage, sites)
	r.topic = l.openTopic(ctx, l.cfg.Kafka.consentConfig())
	return nil
}

// builtNotices returns the notices of sites.
func builtNotices(sites []Site) (map[string][]record.Archived, error) {
	all := map[string][]record.Archived{}
	for i := range sites {
		built, err := sites[i].notices()
		if err != nil {
			return nil, err
		}
		for _, n := range built {
			all[sites[i].ID] = append(all[sites[i].ID], record.Archived{Ref: n.Ref, Text: n.Text})
		}
	}
	return all, nil
}

// chain chains the records of one partition until it is taken away or the process stops. Whoever has partition 0 is also
// the notary.
func (l *partitions) chain(ctx context.Context, partition *kafka.Partition) error {
	if !l.begin() {
		return nil
	}
	defer l.working.Done()
	loader, err := records.Open(ctx, records.Config{Shared: true}, records.Parts{
		Log: &stoppable{partition, l.stopped}, Plans: partition, Store: l.storage.store,
		Dead: l.records.topic.opened.Load().DeadLetters(),
	}, l.logger)
	if err != nil {
		return err
	}
	l.records.keep(partition.Number(), loader, nil)
	if partition.Number() == 0 && l.records.notary != nil {
		signing, cancel := context.WithCancel(ctx)
		var notary sync.WaitGroup
		notary.Go(func() { _ = l.records.notary.Run(signing) }) // ends with its context alone
		defer notary.Wait()
		defer cancel()
	}
	err = loader.Run(ctx)
	if ctx.Err() == nil && err != nil && !errors.Is(err, load.ErrFenced) {
		l.records.keep(partition.Number(), loader, err)
	}
	return err
}

func (r *recordPartitions) keep(number int, loader *records.Loader, stuck error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaders[number], r.stuck[number] = loader, stuck
}

// check tells whether a partition stands still.
func (r *recordPartitions) check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number, err := range r.stuck {
		if err != nil {
			return fmt.Errorf("partition %d of consent records stands still; the log of the process says why", number)
		}
	}
	return nil
}

// WriteMetrics writes those of topic, loaders and notary.
func (r *recordPartitions) WriteMetrics(w io.Writer) {
	writeLabelled(w, r.topic, consentLabel)
	if r.notary != nil {
		r.notary.WriteMetrics(w)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for number, loader := range r.loaders {
		writeLabelled(w, loader, fmt.Sprintf("partition=%q", fmt.Sprint(number)))
	}
}
