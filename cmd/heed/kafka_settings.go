package main

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"heed/pipeline/kafka"
)

// kafkaSettings say where the topic is and how it is made; heed collect and heed load use them.
type kafkaSettings struct {
	Brokers     []string
	Mode        string // spool or direct
	Topic       string
	Generation  int
	Partitions  int
	Replication int
	Retention   time.Duration
	Group       string
	Session     time.Duration
	TLS         struct {
		Enabled                   bool
		CAFile, CertFile, KeyFile string
	}
	SASL struct{ Mechanism, User, Password string }
}

// The two ways of heed collect to be durable.
const (
	modeSpool  = "spool"
	modeDirect = "direct"
)

func kafkaTable(k *kafkaSettings) []setting {
	return slices.Concat(topicTable(k), kafkaAccessTable(k))
}

func topicTable(k *kafkaSettings) []setting {
	return []setting{
		{
			name: "kafka.brokers", value: listValue(&k.Brokers, checkAddress), def: "",
			help:  "Kafka's brokers, a few of them. heed collect and heed load need them; heed serve has no use for them.",
			limit: "host:port",
		}, {
			name: "kafka.mode", value: oneOf(&k.Mode, modeSpool, modeDirect), def: modeSpool,
			help: "When heed collect answers: spool once an event is on its own disk, from where it goes to Kafka; direct once " +
				"Kafka has it, which keeps nothing on the collector and answers 503 while Kafka is away.",
			limit: "spool or direct",
		}, {
			name: "kafka.topic", value: textValue(&k.Topic, checkTopic), def: "heed-events",
			help:  "The topic of events; dead letters go to the topic of that name with .dead behind it.",
			limit: "1 to 200 letters, digits, ., _ and -",
		}, {
			name: "kafka.generation", value: intValue(&k.Generation, 1, 1_000_000), def: "1",
			help: "Which topic of that name it is. Count it up when the topic is made anew, since its positions then begin " +
				"again.",
			limit: "1 to 1000000, the same everywhere",
		}, {
			name: "kafka.partitions", value: intValue(&k.Partitions, 1, 10_000), def: "12",
			help:  "Partitions of a topic that is made; a topic that has another number is warned of.",
			limit: "1 to 10000",
		}, {
			name: "kafka.replication", value: intValue(&k.Replication, 1, 9), def: "3",
			help:  "Brokers that hold each event, in a topic that is made.",
			limit: "1 to 9; from 2 on all but one of them must have an event before it counts",
		}, {
			name: "kafka.retention", value: durationValue(&k.Retention, time.Hour, 366*24*time.Hour), def: "168h",
			help:  "How long a topic that is made keeps events, which is how far back heed replay reaches.",
			limit: "1h to 8784h",
		}, {
			name: "kafka.group", value: textValue(&k.Group, checkTopic), def: "heed-load",
			help:  "The consumer group of all heed load of an install.",
			limit: "1 to 200 letters, digits, ., _ and -",
		}, {
			name: "kafka.session_timeout", value: durationValue(&k.Session, time.Second, 30*time.Minute), def: "15s",
			help:  "How long a heed load may be silent before another takes over its partitions.",
			limit: "1s to 30m, and within what the brokers allow",
		},
	}
}

func kafkaAccessTable(k *kafkaSettings) []setting {
	return []setting{
		{
			name: "kafka.tls.enabled", value: boolValue(&k.TLS.Enabled), def: "false",
			help: "Speak TLS to the brokers.",
		}, {
			name: "kafka.tls.ca_file", value: textValue(&k.TLS.CAFile, nil), def: "",
			help: "File with the certificates that the brokers' are checked by, in PEM. Empty: the system's.",
		}, {
			name: "kafka.tls.cert_file", value: textValue(&k.TLS.CertFile, nil), def: "",
			help: "File with the client's certificate in PEM, for brokers that ask for one.",
		}, {
			name: "kafka.tls.key_file", value: textValue(&k.TLS.KeyFile, nil), def: "",
			help: "File with that certificate's private key in PEM.",
		}, {
			name: "kafka.sasl.mechanism", value: oneOf(&k.SASL.Mechanism, "", kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512), def: "",
			help:  "How heed says who it is. Empty: it does not.",
			limit: strings.Join([]string{kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512}, ", "),
		}, {
			name: "kafka.sasl.user", value: textValue(&k.SASL.User, nil), def: "",
			help: "The name that heed has at the brokers.",
		}, {
			name: "kafka.sasl.password", value: textValue(&k.SASL.Password, nil), def: "", mask: maskAll,
			help: "Its password; best in the variable HEED_KAFKA_SASL_PASSWORD, which no list of processes shows.",
		},
	}
}

var topicForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`)

func checkTopic(text string) error {
	if !topicForm.MatchString(text) {
		return complain("use 1 to 200 letters, digits, ., _ and -", "%q is no name of a topic", text)
	}
	return nil
}

// check finds what no single setting of Kafka can know of itself.
func (k *kafkaSettings) check(fault func(key, remedy, format string, args ...any)) {
	if (k.TLS.CertFile == "") != (k.TLS.KeyFile == "") {
		fault("kafka.tls.cert_file", "name both files, or neither", "certificate and key go together")
	}
	if !k.TLS.Enabled && (k.TLS.CAFile != "" || k.TLS.CertFile != "") {
		fault("kafka.tls.enabled", "set it to true, or name no files", "files for TLS are named, but it is not to be spoken")
	}
	if k.SASL.Mechanism == "" && (k.SASL.User != "" || k.SASL.Password != "") {
		fault("kafka.sasl.mechanism", "name one", "there is a user or a password, but no mechanism")
	}
	if k.SASL.Mechanism != "" && (k.SASL.User == "" || k.SASL.Password == "") {
		fault("kafka.sasl.user", "set kafka.sasl.user and kafka.sasl.password", "%s needs a user and a password", k.SASL.Mechanism)
	}
	if k.SASL.Mechanism == kafka.Plain && !k.TLS.Enabled {
		fault("kafka.sasl.mechanism", "set kafka.tls.enabled, or use scram-sha-512", "plain without TLS shows the password to the network")
	}
}

// config is what the settings say of the topic.
func (k *kafkaSettings) config() kafka.Config {
	return kafka.Config{
		Brokers: k.Brokers, Topic: k.Topic, Generation: k.Generation, Partitions: k.Partitions, Replication: k.Replication,
		Retention: k.Retention, Group: k.Group, SessionTimeout: k.Session,
		TLS:  kafka.TLS{Enabled: k.TLS.Enabled, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile},
		SASL: kafka.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.User, Password: k.SASL.Password},
	}
}
