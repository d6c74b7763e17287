package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// prepare makes the topics that are missing, warns of what they should not be like, and returns how many partitions
// the topic of events has.
func (t *Topic) prepare(ctx context.Context) (partitions int, err error) {
	for {
		topics, err := t.metadata(ctx)
		if err != nil {
			return 0, err
		}
		events, dead := topics[t.cfg.Topic], topics[t.cfg.deadTopic()]
		if isMissing(events) || isMissing(dead) {
			if err := t.create(ctx); err != nil {
				return 0, err
			}
			if err := wait(ctx, metadataTTL/4); err != nil { // a broker learns of a topic after it is made
				return 0, err
			}
			continue
		}
		if err := errors.Join(events.Error, dead.Error); err != nil {
			return 0, fmt.Errorf("describe: %w", err)
		}
		return len(events.Partitions), t.check(ctx, events)
	}
}

// isMissing reports that there is no such topic, or that it is only just being made.
func isMissing(topic kafka.Topic) bool {
	return errors.Is(topic.Error, kafka.UnknownTopicOrPartition) || topic.Error == nil && len(topic.Partitions) == 0
}

func (t *Topic) metadata(ctx context.Context) (map[string]kafka.Topic, error) {
	names := []string{t.cfg.Topic, t.cfg.deadTopic()}
	res, err := t.client.Metadata(ctx, &kafka.MetadataRequest{Topics: names})
	if err != nil {
		return nil, fmt.Errorf("ask for it: %w", err)
	}
	topics := make(map[string]kafka.Topic, len(names))
	for _, topic := range res.Topics {
		topics[topic.Name] = topic
	}
	return topics, nil
}

// create makes both topics. That one is there already, or is being made by another process now, is fine.
func (t *Topic) create(ctx context.Context) error {
	events := kafka.TopicConfig{
		Topic: t.cfg.Topic, NumPartitions: t.cfg.Partitions, ReplicationFactor: t.cfg.Replication,
		ConfigEntries: []kafka.ConfigEntry{
			{ConfigName: "cleanup.policy", ConfigValue: "delete"},
			{ConfigName: "retention.ms", ConfigValue: t.retention()},
			{ConfigName: "min.insync.replicas", ConfigValue: strconv.Itoa(t.cfg.minInSync())},
			{ConfigName: "compression.type", ConfigValue: "producer"},
			// Retention and ranges of time count from arrival: what waited in a spool for longer than retention is not
			// deleted at once, and a collector's wrong clock does no harm.
			{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"},
		},
	}
	dead := kafka.TopicConfig{
		Topic: t.cfg.deadTopic(), NumPartitions: 1, ReplicationFactor: t.cfg.Replication,
		ConfigEntries: deadSettings(t.cfg.minInSync()),
	}
	for _, topic := range []kafka.TopicConfig{events, dead} {
		res, err := t.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
		if err != nil {
			return fmt.Errorf("create topic %q: %w", topic.Topic, err)
		}
		if err := res.Errors[topic.Topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %q with %d partitions and %d replicas: %w",
				topic.Topic, topic.NumPartitions, topic.ReplicationFactor, err)
		}
		if res.Errors[topic.Topic] == nil {
			t.logger.Info("topic created", "topic", topic.Topic,
				"partitions", topic.NumPartitions, "replication", topic.ReplicationFactor)
		}
	}
	return nil
}

// check warns of what the topic is like that it should not be. Nothing is changed: what an operator has set up by hand
// may have reasons.
func (t *Topic) check(ctx context.Context, topic kafka.Topic) error {
	warn := func(what string, have, want any, remedy string) {
		t.logger.Warn("topic is not as configured", "topic", t.cfg.Topic, "what", what, "have", have, "want", want,
			"remedy", remedy)
	}
	if have := len(topic.Partitions); have != t.cfg.Partitions {
		warn("partitions", have, t.cfg.Partitions, "set kafka.partitions to what the topic has; or drain it, stop all "+
			"collectors and loaders, and change the topic")
	}
	if have := len(topic.Partitions[0].Replicas); have != t.cfg.Replication {
		warn("replication", have, t.cfg.Replication, "reassign the topic's partitions with kafka-reassign-partitions")
	}
	settings, err := t.settings(ctx)
	if err != nil {
		return err
	}
	for _, s := range []struct{ name, want, remedy string }{
		{"retention.ms", t.retention(), "set it with kafka-configs --alter, or change kafka.retention: replay goes no further back"},
		{"min.insync.replicas", strconv.Itoa(t.cfg.minInSync()), "set it with kafka-configs --alter: below it, an acknowledged " +
			"event can be lost with one broker; at the number of replicas, one broker that is away stops all writing"},
		{"message.timestamp.type", "LogAppendTime", "set it with kafka-configs --alter: clocks of collectors decide otherwise what a " +
			"replay by time finds"},
		{"cleanup.policy", "delete", "set it with kafka-configs --alter: compaction removes events"},
	} {
		if have, known := settings[s.name]; known && have != s.want {
			warn(s.name, have, s.want, s.remedy)
		}
	}
	return nil
}

// settings reads the topic's configuration. One who may not read it is not stopped by that.
func (t *Topic) settings(ctx context.Context) (map[string]string, error) {
	res, err := t.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.cfg.Topic}},
	})
	if err != nil {
		return nil, fmt.Errorf("read its configuration: %w", err)
	}
	settings := make(map[string]string)
	for _, r := range res.Resources {
		if r.Error != nil {
			t.logger.Warn("topic's configuration cannot be read", "topic", t.cfg.Topic, "err", r.Error,
				"remedy", "allow this user to DescribeConfigs of the topic, or check retention and min.insync.replicas by hand")
		}
		for _, entry := range r.ConfigEntries {
			settings[entry.ConfigName] = entry.ConfigValue
		}
	}
	return settings, nil
}

func (t *Topic) retention() string { return strconv.FormatInt(t.cfg.Retention.Milliseconds(), 10) }
