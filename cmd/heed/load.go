package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"heed/pipeline/erase"
	"heed/pipeline/kafka"
	"heed/pipeline/load"
	"heed/schemas"
)

func loadCommand() command {
	return command{
		name: "load", args: "[settings]", summary: "Bring events from Kafka into ClickHouse until Ctrl-C.",
		detail: "Run as many as there are partitions at most; they share the partitions among themselves, and when one ends " +
			"the others go on where it was. It keeps nothing itself: its data folder holds a lock and a socket. A stop " +
			"finishes the batches in hand first.",
		example: "heed load --config heed.yaml --kafka.brokers kafka:9092",
		run: func(ctx context.Context, p *program, f *flags) error {
			return runRole(ctx, p, f, loadRole())
		},
	}
}

func loadRole() role {
	return role{name: "load", check: (*Config).checkLoad, parts: func(h *host) []step {
		l := &partitions{host: h, loaders: map[int]*partitionLoader{}, stopped: make(chan struct{})}
		return []step{l.openStore, l.listen, l.start, l.startWeb, l.announce}
	}}
}

// checkLoad finds what loading needs and the settings lack.
func (c *Config) checkLoad() problems {
	bad := append(c.needsKafka("heed load"), c.needsServer("heed load")...)
	return append(bad, c.refusesDemo("heed load")...)
}

// partitions loads those partitions of the two topics that the consumer groups give to this process.
type partitions struct {
	*host
	storage *storage
	topic   *topic
	records recordPartitions
	eraser  *erase.Routine
	ended   *load.Withdrawals // shared by all loaders of events
	stopped chan struct{}     // closed when the batches in hand are the last

	working sync.WaitGroup // loaders

	mu      sync.Mutex
	loaders map[int]*partitionLoader // by partition
}

// partitionLoader is the loader of a partition, as it was assigned last.
type partitionLoader struct {
	*load.Loader
	err error // why it stands still
}

func (l *partitions) openStore(ctx context.Context) (err error) {
	if l.storage, err = l.openStorage(ctx, migrate); err != nil {
		return err
	}
	l.ended = load.NewWithdrawals(l.storage.store, l.p.now)
	l.eraser = l.startErasing(ctx, l.storage, nil) // dead letters are a topic's
	return nil
}

// start joins the consumer groups as soon as Kafka and ClickHouse answer.
func (l *partitions) start(ctx context.Context) error {
	if err := l.openRecords(ctx); err != nil {
		return err
	}
	l.topic = l.openTopic(ctx, l.cfg.Kafka.config())
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.atStop(func(ctx context.Context) error { return l.stop(ctx, cancel) })
	l.run("load", func() error { return l.consume(ctx, l.topic, l.load) })
	l.run("chain consent records", func() error { return l.consume(ctx, l.records.topic, l.chain) })
	return nil
}

// consume takes part in the consumer group of a topic until ctx ends.
func (l *partitions) consume(ctx context.Context, topic *topic, handle func(context.Context, *kafka.Partition) error) error {
	for _, ready := range []<-chan struct{}{l.storage.ready, topic.ready} {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
	return topic.opened.Load().Consume(ctx, handle)
}

// stop lets the loaders finish the batches in hand and then leaves the group. What takes too long is given up: the
// next owner of the partition settles it from the plan.
func (l *partitions) stop(ctx context.Context, leave func()) error {
	l.stopping.Store(true)
	fmt.Fprintln(l.p.stdout, "stopping: the batches in hand are finished …")
	ctx, cancel := context.WithTimeout(ctx, l.cfg.DrainTimeout)
	defer cancel()
	l.mu.Lock()
	close(l.stopped)
	l.mu.Unlock()
	finished := make(chan struct{})
	go func() { // ends with the loaders, at the latest when the group is left
		defer close(finished)
		l.working.Wait()
	}()
	select {
	case <-finished:
		fmt.Fprintln(l.p.stdout, "finished; leaving the consumer group")
	case <-ctx.Done():
		fmt.Fprintln(l.p.stdout, "not everything was finished in time; whoever loads next goes on there")
	}
	leave()
	<-finished
	return nil
}

// load loads one partition until it is taken away or the process stops.
func (l *partitions) load(ctx context.Context, partition *kafka.Partition) error {
	if !l.begin() {
		return nil
	}
	defer l.working.Done()
	cfg := l.cfg.load(l.p)
	cfg.OnePartition = true
	loader, err := load.Open(ctx, cfg, load.Parts{
		Log: &stoppable{partition, l.stopped}, Plans: partition,
		Store: l.storage.store, Dead: l.topic.opened.Load().DeadLetters(), Ends: l.storage.store, Withdrawals: l.ended,
	}, l.logger)
	if err != nil {
		return err
	}
	l.keep(partition.Number(), &partitionLoader{Loader: loader})
	err = loader.Run(ctx)
	if ctx.Err() == nil && err != nil && !errors.Is(err, load.ErrFenced) {
		l.keep(partition.Number(), &partitionLoader{loader, err})
	}
	return err
}

// begin tells whether another loader may begin to work.
func (l *partitions) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stopped:
		return false
	default:
		l.working.Add(1)
		return true
	}
}

func (l *partitions) keep(number int, loader *partitionLoader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaders[number] = loader
}

// checkLoaders tells whether a partition stands still.
func (l *partitions) checkLoaders(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number, loader := range l.loaders {
		if errors.Is(loader.err, schemas.ErrTooNew) {
			return fmt.Errorf("partition %d holds events of a newer heed: upgrade heed load first", number)
		}
		if loader.err != nil {
			return fmt.Errorf("partition %d stands still; the log of the process says why", number)
		}
	}
	return nil
}

func (l *partitions) startWeb(context.Context) error {
	l.serveAPI(&api{
		answers: noAnswers("heed load answers no questions; heed report does"),
		checks: []check{
			{"process", l.checkStopping}, {"store", l.storage.check}, {"kafka", l.topic.check}, {"loaders", l.checkLoaders},
			{"records", l.records.check},
		},
		metrics: []metricsWriter{l.topic, l.storage.store, l.eraser, l, &l.records},
	})
	return nil
}

// WriteMetrics writes the loaders', each with the number of its partition.
func (l *partitions) WriteMetrics(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number, loader := range l.loaders {
		writeLabelled(w, loader, fmt.Sprintf("partition=%q", fmt.Sprint(number)))
	}
}

func (l *partitions) announce(context.Context) error {
	w := l.p.stdout
	fmt.Fprintln(w, "Heed loads.")
	l.announceAPI()
	fmt.Fprintf(w, "  kafka      %s from %v\n", l.cfg.Kafka.origin(l.cfg.Kafka.Generation), l.cfg.Kafka.Brokers)
	fmt.Fprintf(w, "  clickhouse %s\n", maskDSN(l.cfg.ClickHouse.DSN))
	fmt.Fprintln(w, "Ctrl-C stops.")
	return nil
}
