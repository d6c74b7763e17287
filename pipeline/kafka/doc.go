// Package kafka carries events over Apache Kafka where one machine is not enough: from each collector's spool, or
// straight from its requests, to the loaders.
//
// It promises what pipeline/wal promises, and the same suite (waltest) holds both to it:
//
//  1. Append returns only after every in-sync replica has the event (acks=all). The Shipper lets go of the spool only
//     behind what Kafka has acknowledged; Kafka away for an hour costs disk, not data.
//  2. A position (partition, offset) names one event for ever, within one generation of the topic.
//  3. A bad day is an error or a wait, not an end. Brokers may be killed, paused and cut off: nothing that was
//     acknowledged is missing. An event may be there twice, at two offsets; the loader knows it by its id.
//  4. A loader that lost its partition cannot move it any more: the commit of an old generation is refused, and is
//     load.ErrFenced.
//
// One message is one event. FORMAT.md draws it and says how to read the topic with Kafka's own tools.
//
// Writing is group commit, as in the log: all events of a partition that arrive while a request is under way share the
// next one. There is no timer. kafka-go's Client is used, not its Writer and Reader: the Writer waits for a timer and
// sends later batches after one that failed, the Reader passes over what the broker has deleted without a word.
package kafka
