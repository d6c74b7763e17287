package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
)

// MaxRowBytes bounds the text of a row.
const MaxRowBytes = MaxBytes + 512

// Domains keep hashes of different things apart. A new meaning needs a new domain.
const (
	chainDomain = "heed.consent.chain.v1\x00"
	rowDomain   = "heed.consent.row.v1\x00"
)

// Row is a record in its place in the chain of its site. Its hash covers all of it:
//
//	hash of row n = SHA-256("heed.consent.row.v1" 0x00 ‖ n, 8 bytes, big endian ‖ hash of row n-1 ‖ canonical record)
//	before row 0  = SHA-256("heed.consent.chain.v1" 0x00 ‖ site)
type Row struct {
	// Index in the chain, from 0.
	Index uint64 `json:"index"`
	// Prev is the hash of the row before.
	Prev Hash `json:"prev"`
	// Record is the canonical text of the record.
	Record json.RawMessage `json:"record"`
	// Hash of this row.
	Hash Hash `json:"hash"`
}

// genesis stands for the row before the first, so that no chain can pass for that of another site.
func genesis(site string) Hash { return sha256.Sum256([]byte(chainDomain + site)) }

// expected returns the hash that the row must have. Index and Prev have fixed lengths and the record comes last, so that
// no two rows are hashed as the same bytes.
func (r Row) expected() (sum Hash) {
	h := sha256.New()
	h.Write([]byte(rowDomain))
	h.Write(binary.BigEndian.AppendUint64(nil, r.Index))
	h.Write(r.Prev[:])
	h.Write(r.Record)
	return Hash(h.Sum(sum[:0]))
}

// LogValue keeps the record out of logs.
func (r Row) LogValue() slog.Value { return slog.Uint64Value(r.Index) }

// Encode returns the canonical text of r, one line without its end, as exports have it.
func (r Row) Encode() ([]byte, error) {
	text, err := canonical(r)
	if err != nil {
		return nil, fmt.Errorf("encode row %d: %w", r.Index, err)
	}
	return text, nil
}

// DecodeRow reads what Row.Encode writes. It checks form and record, not the hash, which is Chain.Follow's.
func DecodeRow(text []byte) (Row, error) {
	var r Row
	if err := readCanonical(text, MaxRowBytes, &r); err != nil {
		return Row{}, fmt.Errorf("decode row: %w", err)
	}
	if _, err := Decode(r.Record); err != nil {
		return Row{}, fmt.Errorf("decode row %d: %w", r.Index, err)
	}
	return r, nil
}

// rowHead is what every version of a record has.
type rowHead struct {
	ID   ID     `json:"id"`
	Site string `json:"site"`
}

func (r Row) head() (head rowHead, err error) {
	err = json.Unmarshal(r.Record, &head)
	return head, err
}

// id returns the id of the row's record as far as it can be read.
func (r Row) id() ID {
	head, _ := r.head() // what cannot be read has no id
	return head.ID
}
