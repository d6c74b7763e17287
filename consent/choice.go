package consent

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// The text of a choice, in the cookie and in each batch:
//
//	1 . <bits> . <day> . <notice> [ . <record> . <seal> ]
//
//	bits    2 hex digits: 0x01 essential (always set), 0x02 functional, 0x04 performance, 0x08 advertising,
//	        0x10 GPC was on, 0x20 DNT was on, 0x40 the record is still unsent, 0x80 made where silence allows;
//	        with 0x100, of the granted categories some services only, a leading 1 makes them 3
//	day     when it was made: days since the Unix epoch, UTC, decimal without leading zeros, at most 99999
//	notice  8 hex digits: NoticeID of what was answered
//	record  32 hex digits: id of the consent record
//	seal    22 base64url digits: HMAC of everything before the dot in front of it, cut to 16 bytes; see Seal
//
// Hex is lower case. One choice has one text: anything that String would not write is malformed. A refusal carries
// neither record nor seal, since both would single out a visitor who asked not to be; nor does a choice that was made where
// silence allows: what it leaves standing was never asked for.
//
// Which services a choice with 0x100 allows stands beside it, in localStorage under heed.<key>.s:
//
//	1 . <bits> . <day> . <notice> { " " <service> }
//
// the choice without Unsent, record and seal, and the ids of the declared services that are allowed. Where the list is
// missing or begins with another choice, none of the declared services is allowed, the essential ones excepted. Heed's own
// go with their category. On a refusal there is nothing to allow in part, and 0x100 is malformed.
const (
	choiceVersion  = "1"
	noticeDigits   = 8
	partialDigit   = '1'
	recordBytes    = 16
	sealBytes      = 16
	maxDayDigits   = 5
	bitGPC         = 0x10
	bitDNT         = 0x20
	bitUnsent      = 0x40
	bitOptOut      = 0x80
	maxChoiceBytes = 76 // of all parts and dots
)

// ChoiceDays is how many days a choice counts in the strictest row, granted or refused alike. No row asks sooner.
const ChoiceDays = 182

var (
	errChoiceVersion = errors.New("malformed choice: unknown version")
	errChoiceBits    = errors.New("malformed choice: bits are not 2 hex digits, or 3 of which the first is 1, of a known meaning")
	errChoiceDay     = errors.New("malformed choice: day is not a number of at most 5 digits")
	errChoiceNotice  = errors.New("malformed choice: notice is not 8 lower-case hex digits")
	errChoiceRecord  = errors.New("malformed choice: record is not 32 lower-case hex digits")
	errChoiceSeal    = errors.New("malformed choice: seal is not 22 base64url digits")
	errChoiceRefusal = errors.New("malformed choice: a refusal or opt-out carries no record")
)

// Choice is what a visitor answered to a notice, as it is kept in the visitor's own browser. It is comparable.
type Choice struct {
	Granted Categories        // always with Essential when it was parsed
	GPC     bool              // Global Privacy Control was on when the choice was made
	DNT     bool              // Do Not Track was on when the choice was made
	Unsent  bool              // its record has not reached the collector yet
	OptOut  bool              // made where silence allows: it grants nothing where a yes is needed
	Partial bool              // of what is granted the visitor allowed some services only; never of a refusal
	Day     int               // when it was made: days since the Unix epoch, UTC
	Notice  string            // NoticeID of the notice it answers
	Record  [recordBytes]byte // id of the consent record; zero unless Sealed
	Sealed  bool              // it carries record and seal; only Verify says whether the seal is right

	seal [sealBytes]byte
}

// DayOf returns the day that a choice made at t carries: days since the Unix epoch, UTC.
func DayOf(t time.Time) int { return int(t.Unix() / 86400) }

// Unreadable is the choice of whom a text was stored for that ParseChoice refuses: damaged, forged or of a newer
// version. It grants nothing, and String has no text for it.
func Unreadable() Choice { return Choice{Granted: Essential, Day: -1} }

// Grants reports whether c says yes to anything beyond what needs no permission.
func (c Choice) Grants() bool { return !c.OptOut && c.allows() }

// allows reports whether c leaves anything standing beyond what needs no permission.
func (c Choice) allows() bool { return c.Granted&All&^Essential != 0 }

// String returns the text of c, which ParseChoice reads back.
func (c Choice) String() string {
	return string(c.append(make([]byte, 0, maxChoiceBytes)))
}

// LogValue hides record and seal from logs: together they name one visitor.
func (c Choice) LogValue() slog.Value {
	c.Sealed = false
	return slog.StringValue(c.String())
}

func (c Choice) append(dst []byte) []byte {
	dst = c.appendUnsealed(dst)
	if !c.Sealed {
		return dst
	}
	dst = append(dst, '.')
	return base64.RawURLEncoding.AppendEncode(dst, c.seal[:])
}

// appendUnsealed appends the part of the text that the seal covers.
func (c Choice) appendUnsealed(dst []byte) []byte {
	bits := byte(c.Granted&All | Essential)
	if c.GPC {
		bits |= bitGPC
	}
	if c.DNT {
		bits |= bitDNT
	}
	if c.Unsent {
		bits |= bitUnsent
	}
	if c.OptOut {
		bits |= bitOptOut
	}
	dst = append(dst, choiceVersion+"."...)
	if c.Partial && c.allows() {
		dst = append(dst, partialDigit)
	}
	dst = hex.AppendEncode(dst, []byte{bits})
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(c.Day), 10)
	dst = append(dst, '.')
	dst = append(dst, c.Notice...)
	if c.Sealed {
		dst = append(dst, '.')
		dst = hex.AppendEncode(dst, c.Record[:])
	}
	return dst
}

// ParseChoice reads the text of a choice. It checks the form alone: neither the seal, which is Verify's, nor whether the
// choice still counts, which is Resolve's. Its errors never repeat the text.
func ParseChoice(text string) (Choice, error) {
	var c Choice
	version, rest, _ := strings.Cut(text, ".")
	if version != choiceVersion {
		return c, errChoiceVersion
	}
	bits, rest, _ := strings.Cut(rest, ".")
	day, rest, _ := strings.Cut(rest, ".")
	notice, proof, sealed := strings.Cut(rest, ".")
	if err := c.parseBits(bits); err != nil {
		return Choice{}, err
	}
	if err := c.parseDay(day); err != nil {
		return Choice{}, err
	}
	if len(notice) != noticeDigits || !isHex(notice) {
		return Choice{}, errChoiceNotice
	}
	c.Notice = notice
	if sealed {
		if err := c.parseProof(proof); err != nil {
			return Choice{}, err
		}
	}
	return c, nil
}

func (c *Choice) parseBits(text string) error {
	if len(text) == 3 && text[0] == partialDigit {
		c.Partial, text = true, text[1:]
	}
	if len(text) != 2 || !isHex(text) {
		return errChoiceBits
	}
	bits, err := strconv.ParseUint(text, 16, 8)
	if err != nil || bits&uint64(Essential) == 0 {
		return errChoiceBits
	}
	c.Granted = Categories(bits) & All
	c.GPC, c.DNT = bits&bitGPC != 0, bits&bitDNT != 0
	c.Unsent, c.OptOut = bits&bitUnsent != 0, bits&bitOptOut != 0
	if c.Partial && !c.allows() {
		return errChoiceBits
	}
	return nil
}

func (c *Choice) parseDay(text string) error {
	if text == "" || len(text) > maxDayDigits || text[0] == '0' && text != "0" {
		return errChoiceDay
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return errChoiceDay
		}
		c.Day = c.Day*10 + int(text[i]-'0')
	}
	return nil
}

// parseProof reads what only a grant has: the record and the seal.
func (c *Choice) parseProof(text string) error {
	record, seal, _ := strings.Cut(text, ".")
	if len(record) != 2*recordBytes || !isHex(record) {
		return errChoiceRecord
	}
	if !c.Grants() {
		return errChoiceRefusal
	}
	if len(seal) != base64.RawURLEncoding.EncodedLen(sealBytes) {
		return errChoiceSeal
	}
	// Strict refuses set bits behind the last byte. It skips line breaks, but then the bytes do not suffice.
	n, err := base64.RawURLEncoding.Strict().Decode(c.seal[:], []byte(seal))
	if err != nil || n != sealBytes {
		return errChoiceSeal
	}
	if _, err := hex.Decode(c.Record[:], []byte(record)); err != nil {
		return errChoiceRecord
	}
	c.Sealed = true
	return nil
}

// isHex reports whether text is lower-case hex digits only.
func isHex(text string) bool {
	for i := range len(text) {
		if (text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f') {
			return false
		}
	}
	return true
}
