package kafka

import (
	"bytes"
	"context"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"heed/pipeline/kafka/kafkatest"
	"heed/pipeline/wal"
	"heed/schemas"
)

// create makes a topic as an operator would, with settings of their own.
func create(t *testing.T, cfg Config, name string, partitions int, settings map[string]string) {
	t.Helper()
	var entries []kafka.ConfigEntry
	for k, v := range settings {
		entries = append(entries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	client := &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Transport: &kafka.Transport{}}
	res, err := client.CreateTopics(bounded(t), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: entries}}})
	if err != nil || res.Errors[name] != nil {
		t.Fatalf("create topic: %v, %v", err, res)
	}
}

func TestOpenWarns(t *testing.T) {
	f := func(what string, partitions int, settings map[string]string, replication int) {
		t.Helper()
		cfg := config(t, 2)
		create(t, cfg, cfg.Topic, partitions, settings)
		cfg.Replication = replication
		cfg.Retention = 24 * time.Hour
		create(t, cfg, cfg.deadTopic(), 1, nil)
		var log bytes.Buffer
		topic, err := Open(bounded(t), cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatalf("Open = %v, want a warning alone", err)
		}
		defer shut(t, topic)
		lines := strings.Count(log.String(), "topic is not as configured")
		if what == "" && lines > 0 || what != "" && (lines != 1 || !strings.Contains(log.String(), "what="+what)) {
			t.Errorf("partitions %d, settings %v: log says %q, want a warning about %q alone", partitions, settings, &log, what)
		}
		if topic.Partitions() != partitions {
			t.Errorf("Partitions() = %d, want what is there: %d", topic.Partitions(), partitions)
		}
	}
	with := func(name, value string) map[string]string {
		settings := map[string]string{"retention.ms": "86400000", "min.insync.replicas": "1", "message.timestamp.type": "LogAppendTime"}
		settings[name] = value
		return settings
	}
	good := with("compression.type", "producer")
	f("", 2, good, 1)
	f("partitions", 3, good, 1)
	f("replication", 2, good, 2)
	f("retention.ms", 2, with("retention.ms", "3600000"), 1)
	f("min.insync.replicas", 2, with("min.insync.replicas", "2"), 1)
	f("cleanup.policy", 2, with("cleanup.policy", "compact"), 1)
	f("message.timestamp.type", 2, with("message.timestamp.type", "CreateTime"), 1)
}

// What Open makes is what it would not warn of.
func TestOpenCreates(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cfg := config(t, 3)
	for range 2 {
		topic, err := Open(bounded(t), cfg, logger)
		if err != nil {
			t.Fatal(err)
		}
		if topic.Partitions() != 3 || topic.ID() != cfg.Topic+".1" {
			t.Errorf("%d partitions of %q, want 3 of %q", topic.Partitions(), topic.ID(), cfg.Topic+".1")
		}
		shut(t, topic)
	}
	if text := log.String(); strings.Contains(text, "level=WARN") || strings.Count(text, "topic created") != 2 {
		t.Errorf("log = %q, want two topics created, once, and no warning", text)
	}
}

func TestOpenFailure(t *testing.T) {
	f := func(want string, change func(*Config)) {
		t.Helper()
		cfg := config(t, 1)
		change(&cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		topic, err := Open(ctx, cfg, discard())
		if err == nil {
			shut(t, topic)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), kafkatest.Password) {
			t.Errorf("Open = %v, want %q in it, and no password", err, want)
		}
	}
	f("kafka.brokers", func(c *Config) { c.Brokers = nil })
	f("open topic", func(c *Config) { c.Brokers = []string{"127.0.0.1:1"} })
	f("replicas", func(c *Config) { c.Replication = 3 }) // of one broker
	f("ca_file", func(c *Config) { c.TLS = TLS{Enabled: true, CAFile: "/nowhere/ca.pem"} })
	f("open topic", func(c *Config) { c.TLS = TLS{Enabled: true} }) // the listener speaks none
	sasl := SASL{Mechanism: Plain, User: kafkatest.User, Password: "wrong " + kafkatest.Password}
	f("SASL", func(c *Config) { c.Brokers, c.SASL = kafkatest.Shared(t).SASLBrokers(), sasl })
}

// Each mechanism, with and without TLS, in both of our ways to the brokers.
func TestSASLAndTLS(t *testing.T) {
	c := kafkatest.Shared(t)
	if err := c.AddSCRAM(bounded(t)); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Authority}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(brokers []string, secure TLS, mechanism string) {
		t.Helper()
		cfg := config(t, 1)
		cfg.Brokers, cfg.TLS = brokers, secure
		cfg.SASL = SASL{Mechanism: mechanism, User: kafkatest.User, Password: kafkatest.Password}
		topic := open(t, cfg)
		pos, err := topic.Append(bounded(t), []*schemas.Envelope{event(1, 0)})
		if err != nil || pos != (wal.Pos{}) {
			t.Errorf("%s, TLS %v: Append = %v, %v, want the first position", mechanism, secure.Enabled, pos, err)
		}
		p := take(t, consume(t, topic).got, "a partition")
		if r, err := p.Reader(pos); err != nil {
			t.Error(err)
		} else if rec, err := r.Next(bounded(t)); err != nil || number(t, rec) != 1 {
			t.Errorf("%s, TLS %v: Next = %v, %v, want event 1", mechanism, secure.Enabled, rec.Pos, err)
		}
	}
	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		f(c.SASLBrokers(), TLS{}, mechanism)
	}
	f(c.SecureBrokers(), TLS{Enabled: true, CAFile: ca}, ScramSHA512)
	f(c.SecureBrokers(), TLS{Enabled: true, CAFile: ca}, Plain)
}
