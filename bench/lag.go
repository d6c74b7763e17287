package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"heed/collector/listen/listentest"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/pipeline/kafka"
	"heed/pipeline/kafka/kafkatest"
	"heed/schemas"
)

// A burst that heed load has to catch up with.
const (
	burstEvents     = 400_000
	burstSenders    = 4
	burstPartitions = 6
	lagInterval     = time.Second
	lagPatience     = 5 * time.Minute
	lagPassword     = "only for the bench"
)

// lagAt is how many events the loader had yet to load at a moment, counted from the first of the burst.
type lagAt struct {
	after  time.Duration
	events int64
}

// fallBehind sends a burst to a real broker while heed load brings it into the engine behind heed clickhouse serve,
// and watches the consumer group's lag until it is zero. sent is how long the burst took.
func (b bench) fallBehind(ctx context.Context, program string) (lags []lagAt, sent time.Duration, err error) {
	fmt.Fprintf(b.progress, "a burst of %d events through Kafka\n", burstEvents)
	if err := os.Setenv("HEED_KAFKA_JARS", besideProgram("lib", "kafka")); err != nil {
		return nil, 0, fmt.Errorf("say where Kafka is: %w", err)
	}
	broker, err := kafkatest.Open(kafkatest.Config{})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	cfg := kafka.Config{Brokers: broker.Brokers(), Partitions: burstPartitions, Replication: 1}
	topic, err := kafka.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, topic.Close(ctx)) }()
	stop, err := b.startLoading(ctx, program, broker.Brokers())
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	start := time.Now()
	var senders errgroup.Group
	senders.Go(func() (err error) {
		err = sendBurst(ctx, topic, b.seed)
		sent = time.Since(start)
		return err
	})
	for most, deadline := int64(0), start.Add(lagPatience); ; time.Sleep(lagInterval) {
		each, err := topic.Lag(ctx)
		if err != nil && time.Now().Before(deadline) {
			continue // a group that has just begun has no coordinator yet
		}
		if err != nil {
			return nil, 0, errors.Join(err, senders.Wait())
		}
		now := lagAt{after: time.Since(start)}
		for _, n := range each {
			now.events += n
		}
		most = max(most, now.events)
		lags = append(lags, now)
		if most > 0 && now.events == 0 {
			return lags, sent, senders.Wait()
		}
		if time.Now().After(deadline) {
			return nil, 0, errors.Join(fmt.Errorf("the lag is still %d after %v", now.events, lagPatience), senders.Wait())
		}
	}
}

// startLoading starts ClickHouse and a loader, each as a process.
func (b bench) startLoading(ctx context.Context, program string, brokers []string) (stop func() error, err error) {
	address, err := listentest.FreeAddress()
	if err != nil {
		return nil, err
	}
	clickhouse, err := b.startProgram(ctx, program, "clickhouse", "serve", "--address", address)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(wholeStart); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("heed clickhouse serve did not start: %w", err), clickhouse.stop())
		}
	}
	dsn := fmt.Sprintf("http://heed:%s@%s/heed", strings.ReplaceAll(lagPassword, " ", "%20"), address)
	loader, err := b.startProgram(ctx, program, "load", "--clickhouse.dsn", dsn, "--api.address", "127.0.0.1:0",
		"--kafka.brokers", strings.Join(brokers, ","), "--kafka.partitions", fmt.Sprint(burstPartitions), "--kafka.replication", "1")
	if err != nil {
		return nil, errors.Join(err, clickhouse.stop())
	}
	return func() error { return errors.Join(loader.stop(), clickhouse.stop()) }, nil
}

// startProgram starts heed with a data folder of its own and the one site of the bench.
func (b bench) startProgram(ctx context.Context, program string, args ...string) (*process, error) {
	folder, err := os.MkdirTemp(b.dir, args[0]+"-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	config := filepath.Join(folder, "heed.yaml")
	if err := os.WriteFile(config, []byte(wholeConfig), 0o600); err != nil {
		return nil, fmt.Errorf("write heed.yaml: %w", err)
	}
	args = append(args, "--config", config, "--data.dir", filepath.Join(folder, "data"))
	p := &process{folder: folder, cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Env = append(os.Environ(), "HEED_CLICKHOUSE_PASSWORD="+lagPassword)
	if err := p.start(); err != nil {
		return nil, err
	}
	return p, nil
}

// sendBurst sends events as fast as the broker acknowledges them.
func sendBurst(ctx context.Context, topic *kafka.Topic, seed uint64) error {
	senders, ctx := errgroup.WithContext(ctx)
	for i := range burstSenders {
		senders.Go(func() error {
			rows := clickhousetest.Events(burstEvents/burstSenders, seed+uint64(i))
			for len(rows) > 0 {
				n := min(groupRows, len(rows))
				events := make([]*schemas.Envelope, n)
				for i, row := range rows[:n] {
					events[i] = row.Envelope
				}
				if _, err := topic.Append(ctx, events); err != nil {
					return fmt.Errorf("send burst: %w", err)
				}
				rows = rows[n:]
			}
			return nil
		})
	}
	return senders.Wait()
}

// slope is how fast the lag fell from its highest to its end, in events a second: the straight line through the points
// by least squares.
func slope(lags []lagAt) float64 {
	from := 0
	for i, l := range lags {
		if l.events >= lags[from].events {
			from = i
		}
	}
	var n, sumX, sumY, sumXX, sumXY float64
	for _, l := range lags[from:] {
		x, y := l.after.Seconds(), float64(l.events)
		n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	return -(n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}
