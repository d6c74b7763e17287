// Package kafkatest starts real Kafka brokers for tests: Apache Kafka's own jars in KRaft mode, one process per node,
// on loopback. Clients and the other nodes reach a node through proxies, so that a test can cut it off.
//
// It needs Java 17 and the jars that `go run ./deploy/fetch -dev` brings. Where they are missing it fails.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// startTimeout bounds the wait for a cluster that does not come up; it takes 4 s alone, and more on a busy machine.
const startTimeout = 2 * time.Minute

// The user whom the listeners with SASL let in, with each mechanism.
const (
	User     = "heed"
	Password = "only for tests"
)

// Config says what kind of cluster to start.
type Config struct {
	// Nodes is how many nodes there are, each broker and controller, 1 when 0. Three nodes have topics of three
	// replicas and min.insync.replicas=2 by default.
	Nodes int
	// Properties are set on every node on top of kafkatest's own.
	Properties map[string]string
}

// Cluster is a running cluster.
type Cluster struct {
	// Nodes are its nodes. Node i has the id i+1.
	Nodes []*Node
	// Authority is the certificate, DER, that those of the listeners with TLS are checked against.
	Authority []byte

	dir string
}

// Open starts a cluster and returns when it takes requests. Close ends it.
func Open(cfg Config) (*Cluster, error) {
	cfg.Nodes = max(cfg.Nodes, 1)
	jars, err := libraries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "heed-kafka-*")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	if err := c.start(cfg, jars); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(cfg Config, jars string) error {
	cert, err := newCertificate()
	if err != nil {
		return err
	}
	c.Authority = cert.authority
	for i := range cfg.Nodes {
		n, err := newNode(i+1, filepath.Join(c.dir, fmt.Sprint(i+1)), jars)
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		if err := n.configure(c.Nodes, cert, cfg.Properties); err != nil {
			return err
		}
		if err := n.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return c.WaitReady(ctx)
}

// Brokers returns the addresses of all nodes for clients without TLS and SASL.
func (c *Cluster) Brokers() []string { return c.addresses(client) }

// SASLBrokers returns the addresses for clients that name User and Password: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
func (c *Cluster) SASLBrokers() []string { return c.addresses(sasl) }

// SecureBrokers returns the addresses for clients with TLS and, inside it, SASL.
func (c *Cluster) SecureBrokers() []string { return c.addresses(secure) }

func (c *Cluster) addresses(l listener) []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.proxies[l].address())
	}
	return all
}

// WaitReady returns when every node answers and sees all the others, as after Start and before Kill. It asks each node
// itself: what others know of one that has just gone may be old.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.waitReady(ctx, len(c.Nodes)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) waitReady(ctx context.Context, want int) error {
	address := kafka.TCP(n.proxies[client].address())
	for {
		transport := &kafka.Transport{} // a new one knows nothing from before
		client := &kafka.Client{Addr: address, Transport: transport, Timeout: 5 * time.Second}
		meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		transport.CloseIdleConnections()
		if err == nil && len(meta.Brokers) >= want && meta.Controller.Host != "" {
			return nil
		}
		if ended := n.ended(); ended != nil {
			return fmt.Errorf("node %d ended: %w\n%s", n.ID, ended, n.LogTail(30))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for node %d: %w, last %v\n%s", n.ID, ctx.Err(), err, n.LogTail(30))
		case <-time.After(50 * time.Millisecond): // between two questions, not instead of them
		}
	}
}

// AddSCRAM lets User in with the SCRAM mechanisms, too; PLAIN needs nothing.
func (c *Cluster) AddSCRAM(ctx context.Context) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(c.Brokers()...), Transport: transport}
	for _, mechanism := range []kafka.ScramMechanism{kafka.ScramMechanismSha256, kafka.ScramMechanismSha512} {
		salt, salted, err := saltPassword(mechanism)
		if err != nil {
			return err
		}
		res, err := client.AlterUserScramCredentials(ctx, &kafka.AlterUserScramCredentialsRequest{
			Upsertions: []kafka.UserScramCredentialsUpsertion{{
				Name: User, Mechanism: mechanism, Iterations: scramIterations, Salt: salt, SaltedPassword: salted,
			}},
		})
		if err != nil {
			return err
		}
		for _, r := range res.Results { // of the one user
			if r.Error != nil {
				return r.Error
			}
		}
	}
	return nil
}

// Close kills the nodes and removes their data.
func (c *Cluster) Close() error {
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		wg.Go(n.close)
	}
	wg.Wait()
	return os.RemoveAll(c.dir)
}

// LogTail returns the last lines of each node's log.
func (c *Cluster) LogTail(lines int) string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, fmt.Sprintf("node %d:\n%s", n.ID, n.LogTail(lines)))
	}
	return strings.Join(all, "\n")
}

// libraries is the class path of Kafka's jars: HEED_KAFKA_JARS, else bin/lib/kafka at the root of the repository.
func libraries() (string, error) {
	dir := os.Getenv("HEED_KAFKA_JARS")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "..", "..", "..", "bin", "lib", "kafka")
	}
	if jars, _ := filepath.Glob(filepath.Join(dir, "kafka-server-*.jar")); len(jars) == 0 {
		return "", fmt.Errorf("no Kafka in %q: run go run ./deploy/fetch -dev", dir)
	}
	return filepath.Join(dir, "*"), nil
}
