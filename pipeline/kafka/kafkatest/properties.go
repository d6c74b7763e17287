package kafkatest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listener is the name of one of a node's doors.
type listener string

const (
	client     listener = "CLIENT"
	sasl       listener = "SASL"
	secure     listener = "SECURE"
	internal   listener = "INTERNAL"
	controller listener = "CONTROLLER"
)

var listeners = []listener{client, sasl, secure, internal, controller}

// clusterID is 16 bytes in base64; every cluster here may have the same.
const clusterID = "aGVlZCBrYWZrYSB0ZXN0cw"

// logSettings keeps the log short: what is normal while nodes come and go is not told.
const logSettings = `Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "%d{HH:mm:ss.SSS} %-5p %c{1}: %m%n"}
  Loggers:
    Root:
      level: warn
      AppenderRef: {ref: out}
`

// configure writes the node's folder: what Kafka's own StorageTool would format it to, which takes seconds of Java.
func (n *Node) configure(all []*Node, cert *certificate, extra map[string]string) error {
	properties := n.properties(all)
	maps.Copy(properties, cert.properties())
	maps.Copy(properties, extra)
	data := filepath.Join(n.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	directory := make([]byte, 16)
	_, _ = rand.Read(directory) // never fails
	directory[0] |= 1           // ids of zeros are Kafka's own
	for name, text := range map[string]string{
		"server.properties": join(properties),
		"log4j2.yaml":       logSettings,
		"data/meta.properties": fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n",
			clusterID, n.ID, base64.RawURLEncoding.EncodeToString(directory)),
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) properties(all []*Node) map[string]string {
	var voters, own, told []string
	for _, peer := range all {
		voters = append(voters, fmt.Sprintf("%d@%s", peer.ID, peer.proxies[controller].address()))
	}
	for _, l := range listeners {
		own = append(own, fmt.Sprintf("%s://%s", l, n.proxies[l].target))
		told = append(told, fmt.Sprintf("%s://%s", l, n.proxies[l].address()))
	}
	replicas := fmt.Sprint(min(len(all), 3))
	return map[string]string{
		"process.roles":                            "broker,controller",
		"node.id":                                  fmt.Sprint(n.ID),
		"controller.quorum.voters":                 strings.Join(voters, ","),
		"listeners":                                strings.Join(own, ","),
		"advertised.listeners":                     strings.Join(told, ","),
		"listener.security.protocol.map":           "CLIENT:PLAINTEXT,SASL:SASL_PLAINTEXT,SECURE:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":               string(internal),
		"controller.listener.names":                string(controller),
		"log.dirs":                                 filepath.Join(n.dir, "data"),
		"default.replication.factor":               replicas,
		"min.insync.replicas":                      fmt.Sprint((len(all) + 1) / 2),
		"offsets.topic.replication.factor":         replicas,
		"offsets.topic.num.partitions":             "1",
		"transaction.state.log.replication.factor": replicas,
		"auto.create.topics.enable":                "false",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "1000",
		// A small machine shall notice soon that a node is gone.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// What retention ends shall be gone before a test has to wait for it.
		"log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "500",
		// One thread of each kind is enough, and each is memory.
		"num.network.threads": "2", "num.io.threads": "2", "log.cleaner.dedupe.buffer.size": "2097152",
	}
}

func join(properties map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&b, "%s=%s\n", name, properties[name])
	}
	return b.String()
}
