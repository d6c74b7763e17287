package consent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Seal returns c with the consent record's id and the proof that this install issued it for this site: HMAC-SHA-256 over
// the site's id, a zero byte and the text before the seal, cut to 16 bytes. It lets the collector trust a choice without
// looking its record up. A refusal is returned without record and seal: it needs no proof, and gets no identifier.
//
// key is the site's secret; a choice sealed with one key is worth nothing under another.
func (c Choice) Seal(key []byte, site string, record [recordBytes]byte) Choice {
	c.Record, c.Sealed, c.seal = [recordBytes]byte{}, false, [sealBytes]byte{}
	if !c.Grants() {
		return c
	}
	c.Record, c.Sealed = record, true
	c.seal = c.expectedSeal(key, site)
	return c
}

// Verify reports whether c carries the seal that key gives it for site. An unsealed choice, and any choice under an
// empty key, is not verified. The time taken does not depend on where a wrong seal differs.
func (c Choice) Verify(key []byte, site string) bool {
	if !c.Sealed || len(key) == 0 {
		return false
	}
	want := c.expectedSeal(key, site)
	return hmac.Equal(c.seal[:], want[:])
}

func (c Choice) expectedSeal(key []byte, site string) (seal [sealBytes]byte) {
	text := make([]byte, 0, len(site)+1+maxChoiceBytes)
	text = append(append(text, site...), 0)
	mac := hmac.New(sha256.New, key)
	mac.Write(c.appendUnsealed(text))
	copy(seal[:], mac.Sum(nil))
	return seal
}

// NoticeID returns the id by which a choice names the notice it answers: the first 8 hex digits of the SHA-256 of the
// notice's material text (who asks, for what, with whom, for how long) in canonical bytes. A new id asks every visitor
// again, so material must not hold anything that may change without asking.
func NoticeID(material []byte) string {
	sum := sha256.Sum256(material)
	return hex.EncodeToString(sum[:noticeDigits/2])
}
