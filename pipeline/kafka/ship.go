package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"heed/pipeline/wal"
)

const (
	// maxFlightBytes bounds what is on its way to Kafka at a time. What is behind it waits on the disk.
	maxFlightBytes = 32 << 20
	// maxFlights bounds the records of the spool that are on their way.
	maxFlights = 4096
)

// Shipper moves a collector's spool into Kafka: every event at least once, and the spool is trimmed only behind what
// Kafka has acknowledged. It is the only one to trim its log.
type Shipper struct {
	log     *wal.Log
	cfg     Config
	file    string
	held    func() wal.Pos // nil: nobody else needs the spool
	logger  *slog.Logger
	metrics *shipCounters

	room    *semaphore.Weighted // bytes that may still be sent
	flights chan flight         // in the order of the spool

	mu      sync.Mutex
	topic   *Topic           // nil until Kafka has answered
	shipped wal.Pos          // all before it has been acknowledged
	saved   wal.Pos          // what the file says
	trimmed wal.Pos          // the spool was let go before it
	sizes   map[uint32]int64 // bytes acknowledged of each segment that is not trimmed
	oldest  time.Time        // receipt of the oldest event that was read and not acknowledged; zero when there is none
}

// NewShipper prepares the shipping of the log. In dir, which is made when missing, it writes down how far it has come.
func NewShipper(log *wal.Log, dir string, cfg Config, logger *slog.Logger) (*Shipper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the shipper's folder: %w", err)
	}
	s := &Shipper{
		log:     log,
		cfg:     cfg.withDefaults(),
		file:    filepath.Join(dir, "shipped.json"),
		logger:  logger.With("component", "kafka"),
		room:    semaphore.NewWeighted(maxFlightBytes),
		flights: make(chan flight, maxFlights),
		sizes:   make(map[uint32]int64),
	}
	s.metrics = newShipCounters(s)
	return s, nil
}

// Hold keeps the spool from a position on, also where Kafka has it: from is asked before each trimming. It is called
// before Run.
func (s *Shipper) Hold(from func() wal.Pos) { s.held = from }

// Run ships until the log is closed and read to its end, which returns nil, or until ctx ends, which returns its error.
// It waits for Kafka as long as it takes, also at the beginning. Run is called once.
func (s *Shipper) Run(ctx context.Context) error {
	reader, err := s.begin()
	if err != nil {
		return err
	}
	defer reader.Close()
	first, err := reader.Next(ctx)
	if errors.Is(err, wal.ErrClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	topic, err := s.open(ctx, first)
	if err != nil {
		return err
	}
	defer func() {
		given, giveUp := context.WithCancel(context.WithoutCancel(ctx))
		giveUp() // everything has landed, or nobody waits for it any more
		_ = topic.Close(given)
	}()
	return s.ship(ctx, topic, reader, first)
}

// ship feeds the lanes and waits for what they acknowledge.
func (s *Shipper) ship(ctx context.Context, topic *Topic, reader *wal.Reader, first wal.Record) error {
	landing, cancel := context.WithCancel(ctx)
	defer cancel()
	var lander sync.WaitGroup
	lander.Go(func() { s.land(landing) })
	err := s.feed(ctx, topic, reader, first)
	close(s.flights)
	if err != nil {
		cancel()
	}
	lander.Wait()
	return errors.Join(err, ctx.Err())
}

// WriteMetrics writes the metrics of the shipper and of its topic in Prometheus text format.
func (s *Shipper) WriteMetrics(w io.Writer) {
	s.metrics.set.WritePrometheus(w)
	s.mu.Lock()
	topic := s.topic
	s.mu.Unlock()
	if topic != nil {
		topic.WriteMetrics(w)
	}
}

// Backlog returns how many bytes of the spool Kafka has not acknowledged, and since when the oldest event that was read
// from it waits, 0 when none does. After a start the bytes may be too many by what an earlier process had shipped of
// one segment.
func (s *Shipper) Backlog() (bytes int64, oldest time.Duration) {
	size, _ := s.log.Size()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, shipped := range s.sizes {
		size -= shipped
	}
	if !s.oldest.IsZero() {
		oldest = time.Since(s.oldest)
	}
	return max(0, size), oldest
}

// begin returns a reader at the position that was written down last. Without one that belongs to this log, all of it
// is sent.
func (s *Shipper) begin() (*wal.Reader, error) {
	pos, err := readPosition(s.file, s.log.ID())
	if err != nil {
		s.logger.Warn("position of the shipper cannot be read, the whole spool is sent again", "err", err)
	}
	reader, err := s.log.Reader(pos)
	if err != nil {
		s.logger.Warn("position of the shipper is not in the spool, the whole spool is sent again", "err", err)
		pos = wal.Pos{}
		reader, err = s.log.Reader(pos)
	}
	s.shipped, s.saved = pos, pos
	return reader, err
}

// open opens the topic, however long that takes.
func (s *Shipper) open(ctx context.Context, first wal.Record) (*Topic, error) {
	messages, _ := split(first.Group, s.cfg.keyField())
	if len(messages) > 0 {
		s.waitingSince(messages[0].received)
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		topic, err := Open(ctx, s.cfg, s.logger)
		if err == nil {
			s.mu.Lock()
			s.topic = topic
			s.mu.Unlock()
			return topic, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.metrics.openErrors.Inc()
		s.logger.Warn("shipping waits for Kafka", "pause", pause, "err", err)
		_ = wait(ctx, pause) // Open tells that ctx has ended
	}
}
