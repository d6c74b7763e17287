package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"heed/pipeline/kafka"
	"heed/pipeline/load"
)

func replayCommand() command {
	return command{
		name: "replay", args: "--from INSTANT --to INSTANT", summary: "Load events from Kafka once more that ClickHouse lacks.",
		detail: "It loads what was received in the range and is not stored, neither from the same place nor under the same id, " +
			"so that a full table stays as it is. What is past its retention, or was withdrawn, does not come back. Stop every heed load first: " +
			"a replay owns the partitions meanwhile. After a Ctrl-C or a crash the same command, with the same --to, goes on where it was.",
		example: "heed replay --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z",
		own: func(f *flags) {
			f.set.String("from", "", "Received at this `instant` or later, as 2026-03-01T00:00:00Z.")
			f.set.String("to", "", "Received before this `instant`; now when left out.")
			f.set.Duration("late", 24*time.Hour, "How `long` an event may have waited in a collector's spool before it came to Kafka.")
		},
		run: runReplay,
	}
}

func runReplay(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	if bad := append(cfg.needsKafka("heed replay"), cfg.needsServer("heed replay")...); len(bad) > 0 {
		return bad
	}
	r, err := readReplay(p, f)
	if err != nil {
		return err
	}
	unlock, err := lockData(cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, stop := interruptible(ctx, p.stderr, fromTheLog)
	defer stop()
	return withTopic(ctx, p, cfg, func(topic *kafka.Topic) error {
		return withStore(ctx, p, cfg, func(s ownStore) error {
			job := &replayJob{cfg: cfg, p: p, topic: topic, store: s, show: p.stdout,
				dir: filepath.Join(cfg.DataDir, "replay", fmt.Sprintf("%s-%d-%d", topic.ID(), r.From.Unix(), r.To.Unix()))}
			return job.run(ctx, r)
		})
	})
}

// readReplay reads the range from the command's own flags.
func readReplay(p *program, f *flags) (r kafka.Range, err error) {
	if r.From, err = readInstant(f, "from"); err != nil {
		return r, err
	}
	if r.To, err = readInstant(f, "to"); err != nil {
		return r, err
	}
	if r.Late, err = time.ParseDuration(f.text("late")); err != nil || r.Late < 0 {
		return r, &usageError{"--late: write how long, as 24h"}
	}
	if r.From.IsZero() {
		return r, &usageError{"name the beginning, as in: heed replay --from 2026-03-01T00:00:00Z"}
	}
	if r.To.IsZero() {
		r.To = p.now()
	}
	if !r.From.Before(r.To) {
		return r, &usageError{"--to must lie after --from"}
	}
	return r, nil
}

// showEvery is how often a replay says how far it is.
const showEvery = 2 * time.Second

// joinPatience is how long a replay waits for partitions, in sessions of the consumer group.
const joinPatience = 3

// errHeld: another member of the consumer group has partitions that a replay needs.
var errHeld = errors.New("other processes hold partitions of the topic")

// replayJob loads a range of every partition again.
type replayJob struct {
	cfg   *Config
	p     *program
	topic *kafka.Topic
	store ownStore
	dir   string // where it stands, so that the same replay goes on
	show  io.Writer

	mu     sync.Mutex
	spans  map[int]kafka.Span // what is left to do, by partition
	begun  map[int]bool       // partitions that were ours
	stands map[int]load.ReplayProgress
	shown  time.Time
	total  uint64 // events of all spans
	done   chan struct{}
	err    error
}

func (j *replayJob) run(ctx context.Context, r kafka.Range) error {
	spans, err := j.topic.Spans(ctx, r)
	if err != nil {
		return err
	}
	j.spans, j.begun, j.stands, j.done = map[int]kafka.Span{}, map[int]bool{}, map[int]load.ReplayProgress{}, make(chan struct{})
	for _, span := range spans {
		j.spans[span.Partition.Number()] = span
		j.total += span.Events()
	}
	fmt.Fprintf(j.show, "%d partitions hold up to %d events of that time\n", len(spans), j.total)
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(joinPatience*j.cfg.Kafka.Session, j.checkHeld)
	defer patience.Stop()
	defer context.AfterFunc(ctx, func() { j.end(ctx.Err()) })()
	var consuming sync.WaitGroup
	consuming.Go(func() { j.end(j.topic.Consume(ctx, j.replay)) })
	<-j.done
	cancel()
	consuming.Wait()
	return j.finish()
}

// end ends the job once, with its first reason.
func (j *replayJob) end(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.done:
	default:
		j.err = err
		close(j.done)
	}
}

// checkHeld ends the job when some of the partitions did not come.
func (j *replayJob) checkHeld() {
	j.mu.Lock()
	missing := 0
	for number := range j.spans {
		if !j.begun[number] {
			missing++
		}
	}
	j.mu.Unlock()
	if missing > 0 {
		j.end(fmt.Errorf("%w: %d of those it needs (stop every heed load, then call it again: it goes on where it was)", errHeld, missing))
	}
}

// replay loads one partition's span, when there is one.
func (j *replayJob) replay(ctx context.Context, partition *kafka.Partition) error {
	number := partition.Number()
	j.mu.Lock()
	span, ok := j.spans[number]
	j.begun[number] = true
	j.mu.Unlock()
	if !ok {
		return nil
	}
	plans, err := load.FilePlans(filepath.Join(j.dir, fmt.Sprint(number)))
	if err != nil {
		return err
	}
	stands, err := load.Replay(ctx, load.ReplayConfig{
		From: span.From, To: span.To, Owner: partition, MaxRows: j.cfg.Load.MaxRows, Now: j.p.now,
		Progress: func(at load.ReplayProgress) { j.progress(number, at) },
	}, load.Parts{Log: partition, Plans: plans, Store: j.store.Store, Dead: j.topic.DeadLetters()}, j.store.logger)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, load.ErrFenced) {
			j.end(fmt.Errorf("replay partition %d: %w", number, err))
		}
		return err
	}
	j.progress(number, stands)
	j.mu.Lock()
	delete(j.spans, number)
	left := len(j.spans)
	j.mu.Unlock()
	if left == 0 {
		j.end(nil)
	}
	return nil
}

// progress says now and then how far all partitions are.
func (j *replayJob) progress(number int, at load.ReplayProgress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stands[number] = at
	if time.Since(j.shown) < showEvery {
		return
	}
	j.shown = time.Now()
	sum := j.sum()
	fmt.Fprintf(j.show, "%3.0f %%: %d events read, %d added; about %v left\n",
		100*min(1, float64(sum.Read)/float64(max(1, j.total))), sum.Read, sum.Added, sum.Left.Round(time.Second))
}

// sum adds up all partitions. They are loaded side by side, so the longest estimate counts.
func (j *replayJob) sum() (sum load.ReplayProgress) {
	for _, at := range j.stands {
		sum.Read += at.Read
		sum.Added += at.Added
		sum.Excluded += at.Excluded
		sum.Dead += at.Dead
		sum.Owned += at.Owned
		sum.Left = max(sum.Left, at.Left)
	}
	return sum
}

// finish says what the replay has brought. Where it stands is forgotten only once all is done.
func (j *replayJob) finish() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	sum := j.sum()
	fmt.Fprintf(j.show, "%d events read: %d added, %d past their retention or withdrawn, %d could not be stored, the rest was there\n",
		sum.Read, sum.Added, sum.Excluded, sum.Dead)
	if sum.Owned > 0 {
		fmt.Fprintf(j.show, "%d more are not the replay's: heed load had not brought them to rest, and does when it runs\n", sum.Owned)
	}
	switch {
	case errors.Is(j.err, context.Canceled):
		return errors.New("stopped before the end; the same command goes on where it was")
	case j.err != nil:
		return j.err
	}
	if err := os.RemoveAll(j.dir); err != nil {
		return fmt.Errorf("forget where the replay stood: %w", err)
	}
	return nil
}
