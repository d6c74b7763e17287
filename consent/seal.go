package consent

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// Seal returns c with the consent record's id and the proof that this install issued it for this site: HMAC-SHA-256 over
// the site's id, a zero byte and the text before the seal, cut to 16 bytes. It lets the collector trust a choice without
// looking its record up. A refusal is returned without record and seal: it needs no proof, and gets no identifier.
//
// key is the site's secret; a choice sealed with one key is worth nothing under another. Whoever seals or verifies for
// the same site again and again uses a Sealer.
func (c Choice) Seal(key []byte, site string, record [recordBytes]byte) Choice {
	return NewSealer(key, site).Seal(c, record)
}

// Verify reports whether c carries the seal that key gives it for site. An unsealed choice, and any choice under an
// empty key, is not verified. The time taken does not depend on where a wrong seal differs.
func (c Choice) Verify(key []byte, site string) bool {
	return NewSealer(key, site).Verify(c)
}

// Sealer seals and verifies the choices of one site, and has its key scheduled already: it allocates nothing. It may be
// used by many goroutines at once.
type Sealer struct {
	noKey bool
	site  string
	macs  sync.Pool // of *sealing
}

// sealing is what one seal is computed in.
type sealing struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// NewSealer returns the Sealer of a site.
func NewSealer(key []byte, site string) *Sealer {
	s := &Sealer{noKey: len(key) == 0, site: site}
	key = bytes.Clone(key)
	s.macs.New = func() any {
		return &sealing{mac: hmac.New(sha256.New, key), text: make([]byte, 0, len(site)+1+maxChoiceBytes)}
	}
	return s
}

// Seal is Choice.Seal.
func (s *Sealer) Seal(c Choice, record [recordBytes]byte) Choice {
	c.Record, c.Sealed, c.seal = [recordBytes]byte{}, false, [sealBytes]byte{}
	if !c.Grants() {
		return c
	}
	c.Record, c.Sealed = record, true
	c.seal = s.expected(c)
	return c
}

// Verify is Choice.Verify.
func (s *Sealer) Verify(c Choice) bool {
	if !c.Sealed || s.noKey {
		return false
	}
	want := s.expected(c)
	return hmac.Equal(c.seal[:], want[:])
}

func (s *Sealer) expected(c Choice) (seal [sealBytes]byte) {
	m := s.macs.Get().(*sealing)
	defer s.macs.Put(m)
	m.text = c.appendUnsealed(append(append(m.text[:0], s.site...), 0))
	m.mac.Reset()
	m.mac.Write(m.text)
	copy(seal[:], m.mac.Sum(m.sum[:0]))
	return seal
}

// NoticeID returns the id by which a choice names the notice it answers: the first 8 hex digits of the SHA-256 of the
// notice's material text (who asks, for what, with whom, for how long) in canonical bytes. A new id asks every visitor
// again, so material must not hold anything that may change without asking.
func NoticeID(material []byte) string {
	sum := sha256.Sum256(material)
	return hex.EncodeToString(sum[:noticeDigits/2])
}
