package kafka

import (
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of the envelope (schemas/event.proto) that a message needs outside of its value.
const (
	siteField     = 2
	idField       = 3
	receivedField = 5
)

var errNotGroup = errors.New("not a group of events")

// split makes a message of each event of a schemas.Group; its key is the field of that number. The events are not decoded, and go on as they are: also those
// of a version that this program does not know. What cannot be split any further is the last message, and err says
// why: the loader decides what becomes of it.
func split(group []byte, keyField protowire.Number) (messages []message, err error) {
	for len(group) > 0 {
		number, kind, n := protowire.ConsumeTag(group)
		if n < 0 || number != 1 || kind != protowire.BytesType {
			return append(messages, message{value: group}), errNotGroup
		}
		value, m := protowire.ConsumeBytes(group[n:])
		if m < 0 {
			return append(messages, message{value: group}), errNotGroup
		}
		key, received := identify(value, keyField)
		messages = append(messages, message{key: key, value: value, received: received})
		group = group[n+m:]
	}
	return messages, nil
}

// identify finds the key and the time of receipt in an envelope. One that it cannot read has none.
func identify(envelope []byte, keyField protowire.Number) (key []byte, received time.Time) {
	for len(envelope) > 0 {
		number, kind, n := protowire.ConsumeTag(envelope)
		if n < 0 {
			return nil, time.Time{}
		}
		envelope = envelope[n:]
		switch {
		case number == keyField && kind == protowire.BytesType:
			key, n = protowire.ConsumeBytes(envelope)
		case number == receivedField && kind == protowire.VarintType:
			var ms uint64
			ms, n = protowire.ConsumeVarint(envelope)
			received = time.UnixMilli(int64(ms))
		default:
			n = protowire.ConsumeFieldValue(number, kind, envelope)
		}
		if n < 0 {
			return nil, time.Time{}
		}
		envelope = envelope[n:]
	}
	return key, received
}
