package kafka

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	f := func(cfg Config) {
		t.Helper()
		if err := cfg.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v, want no error", cfg, err)
		}
	}
	one := []string{"kafka:9092"}
	f(Config{Brokers: one})
	f(Config{Brokers: []string{"10.0.0.1:9092", "[::1]:9092"}, Topic: "a.b_c-D9", Generation: 7, Partitions: 1, Replication: 1})
	f(Config{Brokers: one, TLS: TLS{Enabled: true, CertFile: "a", KeyFile: "b"}, SASL: SASL{Mechanism: ScramSHA256, User: "u"}})
}

func TestValidateFailure(t *testing.T) {
	f := func(want string, cfg Config) {
		t.Helper()
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%+v) = %v, want %q in it", cfg, err, want)
		}
	}
	one := []string{"kafka:9092"}
	f("kafka.brokers is empty", Config{})
	f("host:port", Config{Brokers: []string{"kafka"}})
	f("kafka.topic", Config{Brokers: one, Topic: "a topic"})
	f("kafka.topic", Config{Brokers: one, Topic: strings.Repeat("x", maxTopicLength+1)})
	f("kafka.generation", Config{Brokers: one, Generation: -1})
	f("kafka.partitions", Config{Brokers: one, Partitions: maxPartitions + 1})
	f("kafka.replication", Config{Brokers: one, Replication: -1})
	f("kafka.retention", Config{Brokers: one, Retention: time.Minute})
	f("kafka.session_timeout", Config{Brokers: one, SessionTimeout: time.Millisecond})
	f("both or none", Config{Brokers: one, TLS: TLS{Enabled: true, CertFile: "a"}})
	f("not enabled", Config{Brokers: one, TLS: TLS{CAFile: "a"}})
	f("kafka.sasl.mechanism", Config{Brokers: one, SASL: SASL{Mechanism: "gssapi", User: "u"}})
	f("kafka.sasl", Config{Brokers: one, SASL: SASL{Mechanism: Plain}})
}

// However a configuration comes into a log, the password does not.
func TestPasswordIsNotShown(t *testing.T) {
	cfg := Config{SASL: SASL{Mechanism: Plain, User: "u", Password: "geheim"}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "sasl", cfg.SASL)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg)
	for _, text := range []string{log.String(), fmt.Sprint(cfg), fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg.SASL)} {
		if strings.Contains(text, "geheim") {
			t.Errorf("%s shows the password", text)
		}
	}
}
