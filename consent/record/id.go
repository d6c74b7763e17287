package record

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// ID is the id of a record: a UUIDv7. Its text is 32 lower-case hex digits, as in the choice that carries it.
type ID [16]byte

// String returns the text of id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It leaves version and case to those who read whole documents.
func (id *ID) UnmarshalText(text []byte) error { return readHex(id[:], text) }

// isUUIDv7 reports whether id has the version and the variant of a UUIDv7.
func (id ID) isUUIDv7() bool { return id[6]>>4 == 7 && id[8]>>6 == 2 }

// Hash is a SHA-256. Its text is 64 lower-case hex digits.
type Hash [32]byte

// String returns the text of h.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error { return readHex(h[:], text) }

// ParseHash reads the text of a hash.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if err := h.UnmarshalText([]byte(text)); err != nil {
		return Hash{}, err
	}
	if h.String() != text {
		return Hash{}, errors.New("a hash is written in lower case")
	}
	return h, nil
}

func readHex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("want %d hex digits, got %d bytes", hex.EncodedLen(len(dst)), len(text))
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return errors.New("want hex digits")
	}
	return nil
}
