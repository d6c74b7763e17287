package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"google.golang.org/protobuf/encoding/protowire"
)

// Names of the SASL mechanisms.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
)

const (
	maxPartitions  = 10_000
	minSession     = time.Second
	maxSession     = 30 * time.Minute // Kafka's own bound
	maxTopicLength = 220              // Kafka takes 249; the dead letters' name is longer
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// Config says where Kafka is and what its topic should be like. The zero value of every field but Brokers works.
type Config struct {
	// Brokers are addresses to begin at, host:port; the others are learned from them.
	Brokers []string
	// Topic holds the events, "heed-events" when empty.
	Topic string
	// Dead holds dead letters. When empty it is the topic's name and ".dead".
	Dead string
	// BySite gives the topic to the sites: all messages of one are in one partition, in the order in which they came.
	// Otherwise all copies of one event are.
	BySite bool
	// Generation counts how often the topic was begun anew, 1 when 0. Whoever deletes the topic and makes it again, or
	// restores an old copy, raises it: offsets begin again, and rows name the events they hold by offset.
	Generation int
	// Partitions is how many the topic has, 12 when 0. There are never more loaders at work than partitions. Changing
	// the number needs a drained topic.
	Partitions int
	// Replication is how many copies Kafka keeps, 3 when 0. One less than that, and at least one, has to acknowledge.
	Replication int
	// Retention is how long Kafka keeps events, 7 days when 0: how far back a replay goes.
	Retention time.Duration
	// Group is the consumer group of the loaders, "heed-load" when empty.
	Group string
	// ClientID is how Kafka's logs and quotas name this program, "heed" when empty.
	ClientID string
	// SessionTimeout is how long Kafka waits for a sign of a loader before another takes over its partitions, 15 s when
	// 0; between 1 s and 30 minutes, and within what the brokers allow.
	SessionTimeout time.Duration
	// TLS secures the connections.
	TLS TLS
	// SASL says who we are.
	SASL SASL
}

// TLS secures the connections to the brokers.
type TLS struct {
	// Enabled turns it on.
	Enabled bool
	// CAFile holds the authorities that sign the brokers' certificates, PEM; the system's own when empty.
	CAFile string
	// CertFile and KeyFile are what the brokers may want to see from us, PEM; both or none.
	CertFile, KeyFile string
}

// SASL says who we are. It never shows its password in a log.
type SASL struct {
	// Mechanism is Plain, ScramSHA256 or ScramSHA512; none when empty. Plain sends the password itself: use TLS.
	Mechanism string
	// User and Password are known to the brokers.
	User, Password string
}

// LogValue implements slog.LogValuer.
func (s SASL) LogValue() slog.Value {
	return slog.GroupValue(slog.String("mechanism", s.Mechanism), slog.String("user", s.User))
}

// String keeps the password out of what fmt prints.
func (s SASL) String() string { return fmt.Sprintf("{%s %s ***}", s.Mechanism, s.User) }

// Validate reports every setting that cannot work. It opens no file.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Brokers) > 0, "kafka.brokers is empty: name at least one host:port")
	for _, broker := range c.Brokers {
		_, _, err := net.SplitHostPort(broker)
		check(err == nil, "kafka.brokers has %q: write host:port", broker)
	}
	check(len(c.Topic) <= maxTopicLength && topicName.MatchString(c.Topic),
		"kafka.topic is %q: use up to %d letters, digits, dots, dashes and underscores", c.Topic, maxTopicLength)
	check(c.Generation >= 1, "kafka.generation is %d: begin with 1", c.Generation)
	check(c.Partitions >= 1 && c.Partitions <= maxPartitions,
		"kafka.partitions is %d: choose from 1 to %d", c.Partitions, maxPartitions)
	check(c.Replication >= 1 && c.Replication <= 100, "kafka.replication is %d: choose from 1 to 100", c.Replication)
	check(c.Retention >= time.Hour, "kafka.retention is %v: choose at least 1h", c.Retention)
	check(c.SessionTimeout >= minSession && c.SessionTimeout <= maxSession,
		"kafka.session_timeout is %v: choose from %v to %v", c.SessionTimeout, minSession, maxSession)
	check((c.TLS.CertFile == "") == (c.TLS.KeyFile == ""), "kafka.tls.cert_file and kafka.tls.key_file: name both or none")
	check(c.TLS.Enabled || c.TLS == (TLS{}), "kafka.tls has files and is not enabled: set kafka.tls.enabled")
	check(slices.Contains([]string{"", Plain, ScramSHA256, ScramSHA512}, c.SASL.Mechanism),
		"kafka.sasl.mechanism is %q: choose %s, %s or %s", c.SASL.Mechanism, Plain, ScramSHA256, ScramSHA512)
	check((c.SASL.Mechanism == "") == (c.SASL.User == ""), "kafka.sasl: name both a mechanism and a user, or neither")
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	set := func(to *int, value int) {
		if *to == 0 {
			*to = value
		}
	}
	name := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	name(&c.Topic, "heed-events")
	name(&c.Group, "heed-load")
	name(&c.ClientID, "heed")
	set(&c.Generation, 1)
	set(&c.Partitions, 12)
	set(&c.Replication, 3)
	if c.Retention == 0 {
		c.Retention = 7 * 24 * time.Hour
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 15 * time.Second
	}
	return c
}

// minInSync is how many replicas have to acknowledge: all but one, so that one may be away.
func (c Config) minInSync() int { return max(1, c.Replication-1) }

func (c Config) deadTopic() string {
	if c.Dead != "" {
		return c.Dead
	}
	return c.Topic + ".dead"
}

// keyField is the number of the envelope's field that is a message's key.
func (c Config) keyField() protowire.Number {
	if c.BySite {
		return siteField
	}
	return idField
}

// tlsConfig reads the files that TLS names. It returns nil when TLS is off.
func (c Config) tlsConfig() (*tls.Config, error) {
	if !c.TLS.Enabled {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS.CAFile != "" {
		text, err := os.ReadFile(c.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read kafka.tls.ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("kafka.tls.ca_file %q holds no certificate in PEM", c.TLS.CAFile)
		}
	}
	if c.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read kafka.tls.cert_file and kafka.tls.key_file: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func (c Config) mechanism() (sasl.Mechanism, error) {
	switch c.SASL.Mechanism {
	case Plain:
		return plain.Mechanism{Username: c.SASL.User, Password: c.SASL.Password}, nil
	case ScramSHA256:
		return scram.Mechanism(scram.SHA256, c.SASL.User, c.SASL.Password)
	case ScramSHA512:
		return scram.Mechanism(scram.SHA512, c.SASL.User, c.SASL.Password)
	}
	return nil, nil
}

// doors are the ways to the brokers: the transport for requests, the dialer for the consumer group.
func (c Config) doors() (*kafka.Transport, *kafka.Dialer, error) {
	secure, err := c.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, nil, fmt.Errorf("prepare kafka.sasl: %w", err)
	}
	transport := &kafka.Transport{
		ClientID:       c.ClientID,
		TLS:            secure,
		SASL:           mechanism,
		DialTimeout:    dialTimeout,
		MetadataTTL:    metadataTTL,
		MetadataTopics: []string{c.Topic, c.deadTopic()}, // not those of everyone in the cluster
	}
	dialer := &kafka.Dialer{
		ClientID:      c.ClientID,
		TLS:           secure,
		SASLMechanism: mechanism,
		Timeout:       dialTimeout,
		DualStack:     true,
	}
	return transport, dialer, nil
}
