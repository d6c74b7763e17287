package schemas

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// EnvelopeVersion is the major version of the envelope that this program writes, and the newest that it reads.
const EnvelopeVersion = 1

// ErrTooNew means that a newer Heed wrote the envelope. The data is fine and this program is too old for it: the reader
// stops there and says so, and nothing becomes a dead letter.
var ErrTooNew = errors.New("the envelope is of a newer version")

// CheckVersion says whether an envelope of this version can be understood. The error wraps ErrTooNew for a newer one;
// any other error means that the envelope is damaged.
func CheckVersion(version uint32) error {
	switch {
	case version > EnvelopeVersion:
		return fmt.Errorf("read envelope of version %d, know up to %d: %w: upgrade this program", version, EnvelopeVersion, ErrTooNew)
	case version == 0:
		return errors.New("read envelope: it has no version")
	}
	return nil
}

// NextEnvelope returns the bytes of a Group's first envelope and how many bytes of the group it takes, or a negative number
// where the group is damaged.
func NextEnvelope(group []byte) (raw []byte, n int) {
	number, kind, tag := protowire.ConsumeTag(group)
	if tag < 0 || number != 1 || kind != protowire.BytesType {
		return nil, -1
	}
	raw, size := protowire.ConsumeBytes(group[tag:])
	if size < 0 {
		return nil, -1
	}
	return raw, tag + size
}
