package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// maxSafeInteger is the largest integer that every JSON reader keeps exactly; RFC 8785 writes numbers as such.
const maxSafeInteger = 1<<53 - 1

var (
	// ErrTooNew says that a document was written by a newer version of this program: it may be right.
	ErrTooNew = errors.New("written by a newer version")

	// ErrConflict says that a record has the id of a chained one and says something else: the chained one stays.
	ErrConflict = errors.New("another record with this id is in the chain")

	errNotCanonical = errors.New("not in canonical form (RFC 8785)")
)

// canonical returns the one JSON text of v (RFC 8785). Validate must have passed: encoding/json would replace bytes that
// are not UTF-8.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// readCanonical fills v from text and refuses every text that canonical would not write: another order, other spaces, an
// unknown, doubled or differently cased name, a number that is not exact. So a document has one text, and one changed
// byte is another document or none. Its errors do not repeat values.
func readCanonical(text []byte, maxBytes int, v any) error {
	if len(text) > maxBytes {
		return fmt.Errorf("%d bytes long, at most %d are allowed", len(text), maxBytes)
	}
	var head struct {
		Version int `json:"v"`
	}
	if json.Unmarshal(text, &head) == nil && head.Version > Version {
		return fmt.Errorf("version %d, known is %d: %w", head.Version, Version, ErrTooNew)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	again, err := canonical(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, text) {
		return errNotCanonical
	}
	return nil
}
