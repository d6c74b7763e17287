package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

// CodeAccepted is what stands in the place of a code where a collector of a cluster counts events that it has accepted.
const CodeAccepted schemas.Code = "accepted"

// publishEvery is how often a collector's counts go to where those of all are added up.
const publishEvery = 5 * time.Second

// EdgeConfig says where a collector of a cluster keeps its counts.
type EdgeConfig struct {
	// Dir holds the counts. It is made when missing.
	Dir string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate reports every value that cannot be used.
func (c EdgeConfig) Validate() error { return Config{Dir: c.Dir}.Validate() }

// EdgeSources are what a collector's counts are made from, and where they go.
type EdgeSources struct {
	// Counts returns the events rejected since the process began; where there is no Log those accepted, too, under
	// CodeAccepted. It is called by any goroutine, and what it returns is not changed afterwards.
	Counts func() Counts
	// Log holds what was accepted, until it is in Kafka. Nil where events go to Kafka before they are answered: then a
	// crash costs the counts, not the events, of the last second.
	Log EdgeLog
	// Publish brings the counts of all times of the collector named to where those of all collectors are added up. It
	// may fail for as long as it likes: the next counts hold these.
	Publish func(ctx context.Context, collector string, counts Counts, at time.Time) error
}

// EdgeLog is the durable log, as far as a collector's counts need it. *wal.Log is one.
type EdgeLog interface {
	Log
	// ID names the log for good.
	ID() string
}

var _ EdgeLog = (*wal.Log)(nil)

// Edge counts what arrived at one collector of a cluster. Accepted events are counted from the durable log, each once,
// also after a crash: how far they are counted is on disk together with the counts, and whoever trims the log has to
// ask Counted first. Its methods may be called by any goroutine.
type Edge struct {
	cfg    EdgeConfig
	from   EdgeSources
	logger *slog.Logger
	errors errorCounts

	writing   sync.Mutex // guards the file, written and published; taken before mu
	written   edgeFile
	published Counts

	mu     sync.Mutex
	next   wal.Pos // the log is counted up to here
	counts Counts  // of the processes before this one, and what was read of the log since
}

// OpenEdge reads what earlier processes have counted. Run does the work.
func OpenEdge(cfg EdgeConfig, from EdgeSources, logger *slog.Logger) (*Edge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make ledger folder: %w", err)
	}
	id := ""
	if from.Log != nil {
		id = from.Log.ID()
	}
	f, err := openEdgeFile(cfg.Dir, id)
	if err != nil {
		return nil, err
	}
	return &Edge{
		cfg: cfg, from: from, logger: logger.With("component", "ledger"),
		written: f, next: f.Next, counts: f.Sites.plus(nil),
	}, nil
}

// Counted returns up to where the log's events are counted durably. What lies behind it must not be trimmed.
func (e *Edge) Counted() wal.Pos {
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.written.Next
}

// Run counts until the log is closed and read to its end, or ctx ends, and then writes down and publishes once more.
func (e *Edge) Run(ctx context.Context) error {
	ended, err := e.follow(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var due quiet
	for n := 1; ; n++ {
		select {
		case <-ended:
			err := e.flush()
			if err := e.publish(context.WithoutCancel(ctx)); err != nil { // the next process publishes them
				e.logger.Warn("the last counts are not published", "err", err)
			}
			return err
		case <-tick.C:
		}
		err := e.flush()
		if n%int(publishEvery/flushEvery) == 0 {
			err = errors.Join(err, e.publish(ctx))
		}
		if err != nil && due.ask() {
			e.logger.Warn("counts of events are not written down, will try again", "err", err)
		}
	}
}

// follow counts the log's events. The channel is closed when the log is closed and read, or ctx has ended.
func (e *Edge) follow(ctx context.Context) (ended <-chan struct{}, err error) {
	if e.from.Log == nil {
		return ctx.Done(), nil
	}
	reader, err := e.from.Log.Reader(e.next)
	if err != nil {
		return nil, fmt.Errorf("follow log: %w", err)
	}
	done := make(chan struct{})
	go func() { // ends with the log or ctx, which Run waits for
		defer close(done)
		defer reader.Close()
		eachRecord(ctx, reader, e.count, func(err error) {
			e.errors.follow.Add(1)
			e.logger.Warn("log cannot be read, will try again", "err", err)
		})
	}()
	return done, nil
}

// count adds the events of one record. A segment that is left behind may be trimmed from now on, so what it held is
// written down at once.
func (e *Edge) count(record wal.Record) {
	e.mu.Lock()
	left := record.Pos.Segment != e.next.Segment
	e.mu.Unlock()
	if left {
		if err := e.flush(); err != nil {
			e.logger.Warn("counts of events are not written down, will try again", "err", err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next = record.Next
	load.EachEvent(record.Group, func(site []byte, _ int64) { e.counts.add(string(site), CodeAccepted, 1) })
}

// flush writes the counts down, if there are more.
func (e *Edge) flush() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	live := e.from.Counts()
	e.mu.Lock()
	f := edgeFile{Version: fileVersion, ID: e.written.ID, Next: e.next, Sites: e.counts.plus(live)}
	e.mu.Unlock()
	if f.Next == e.written.Next && f.Sites.equal(e.written.Sites) {
		return nil
	}
	if err := f.write(e.cfg.Dir); err != nil {
		e.errors.flush.Add(1)
		return err
	}
	e.written = f
	return nil
}

// publish sends what is written down, so that the published counts never go back.
func (e *Edge) publish(ctx context.Context) error {
	e.writing.Lock()
	f, published := e.written, e.published
	e.writing.Unlock()
	if f.Sites.equal(published) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishEvery)
	defer cancel()
	if err := e.from.Publish(ctx, f.ID, f.Sites, e.cfg.Now()); err != nil {
		e.errors.publish.Add(1)
		return fmt.Errorf("publish counts: %w", err)
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	e.published = f.Sites
	return nil
}

// WriteMetrics writes what is wrong with the counts in Prometheus text format. The counts themselves are the
// collector's metrics.
//
//	heed_ledger_flush_errors_total     times the counts could not be written down
//	heed_ledger_follow_errors_total    times the log could not be read
//	heed_ledger_publish_errors_total   times the counts could not be brought to where all are added up
func (e *Edge) WriteMetrics(w io.Writer) {
	metrics.WriteCounterUint64(w, "heed_ledger_flush_errors_total", e.errors.flush.Load())
	metrics.WriteCounterUint64(w, "heed_ledger_follow_errors_total", e.errors.follow.Load())
	metrics.WriteCounterUint64(w, "heed_ledger_publish_errors_total", e.errors.publish.Load())
}
