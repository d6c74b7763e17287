package collector

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"heed/schemas"
)

// decoder reads a batch. It is reused: what it returned is valid until the next decode.
type decoder struct {
	parser   fastjson.Parser
	batch    schemas.Batch
	index    []int // where in the document each of batch.Events stood
	rejected []schemas.Rejection
	scratch  []byte
}

// decode reads body into d.batch. An event that is wrong in itself goes to d.rejected and the others stay; an error means
// that nothing of the body can be trusted.
//
// Fields that it does not know are skipped, so that a newer snippet can talk to an older collector; of a key that stands
// twice the first counts. Strings are part of the parser's buffer: whoever keeps one beyond the next decode copies it.
func (d *decoder) decode(body []byte) *schemas.Error {
	d.batch = schemas.Batch{Events: d.batch.Events[:0]}
	d.index, d.rejected = d.index[:0], d.rejected[:0]
	if err := checkText(body); err != nil {
		return err
	}
	doc, err := d.parser.ParseBytes(body)
	if err != nil || doc.Type() != fastjson.TypeObject {
		return errNotJSON
	}
	if v := doc.Get("v"); v != nil && v.GetInt64() != schemas.EventVersion { // anything but a whole number reads as 0
		return errVersion
	}
	events, refusal := d.head(doc)
	if refusal != nil {
		return refusal
	}
	if len(events) > schemas.MaxBatchEvents {
		return errTooManyEvents
	}
	for i, value := range events {
		d.event(i, value, len(body))
	}
	return nil
}

// checkText refuses what the parser would take too kindly or too deep: it recurses, and knows neither UTF-8 nor control
// characters in strings.
func checkText(body []byte) *schemas.Error {
	switch {
	case len(body) > schemas.MaxBatchBytes:
		return errTooLarge
	case !utf8.Valid(body):
		return errNotUTF8
	case depth(body) > schemas.MaxDepth:
		return errTooDeep
	case fastjson.ValidateBytes(body) != nil:
		return errNotJSON
	}
	return nil
}

// depth returns how deep objects and arrays are nested in text, whether or not it is JSON.
func depth(text []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			inString = !inString
		case '\\':
			i++ // whatever it is, it ends no string
		case '{', '[':
			if !inString {
				depth++
				deepest = max(deepest, depth)
			}
		case '}', ']':
			if !inString {
				depth--
			}
		}
	}
	return deepest
}

// head reads the fields of the batch itself. They concern every event: one that is wrong refuses the whole.
func (d *decoder) head(doc *fastjson.Value) ([]*fastjson.Value, *schemas.Error) {
	r := reader{object: doc}
	b := &d.batch
	b.Version = int(r.number("v", required, schemas.EventVersion))
	b.Sent = r.number("sent", required, maxSafeInteger)
	b.Choice = r.text("choice", optional, maxChoice)
	b.Visitor = r.form("visitor", optional, isVisitor)
	b.GPC, b.DNT, b.Retried = r.flag("gpc"), r.flag("dnt"), r.flag("retried")
	events := r.list("events", required)
	if r.err != nil {
		return nil, &schemas.Error{Code: schemas.Malformed, Field: r.err.Field, Message: r.err.Message}
	}
	return events, nil
}

// event reads one event into d.batch or d.rejected.
func (d *decoder) event(i int, value *fastjson.Value, bodyBytes int) {
	if bodyBytes > schemas.MaxEventBytes && d.size(value) > schemas.MaxEventBytes {
		d.reject(i, "", schemas.Error{Code: schemas.EventTooLarge,
			Message: fmt.Sprintf("the event is longer than %d bytes; send less in it", schemas.MaxEventBytes)})
		return
	}
	r := reader{object: value}
	if value.Type() != fastjson.TypeObject {
		r.fail("", schemas.InvalidField, "an event is a JSON object")
	}
	ev := r.event()
	if r.err != nil {
		d.reject(i, ev.ID, *r.err)
		return
	}
	d.batch.Events = append(d.batch.Events, ev)
	d.index = append(d.index, i)
}

// size returns the length of an event's JSON, white space aside. It must be asked before a string of it is read.
func (d *decoder) size(value *fastjson.Value) int {
	d.scratch = value.MarshalTo(d.scratch[:0])
	return len(d.scratch)
}

// reject notes that event i of the document is refused. id is its id where it has a well-formed one.
func (d *decoder) reject(i int, id string, err schemas.Error) {
	path := fmt.Sprintf("events[%d]", i)
	if err.Field != "" {
		path += "." + err.Field
	}
	err.Field = path
	d.rejected = append(d.rejected, schemas.Rejection{Index: i, ID: id, Error: err})
}

// isVisitor reports whether text is a visitor's id as the wire has it: 32 lower-case hex digits.
func isVisitor(text string) bool { return len(text) == 2*visitorBytes && isLowerHex(text) }

// isUUID7 reports whether text is a UUIDv7 in its one canonical form: lower case, version 7, variant 10.
func isUUID7(text string) bool {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return false
	}
	return text[14] == '7' && bytes.IndexByte([]byte("89ab"), text[19]) >= 0 &&
		isLowerHex(text[:8]) && isLowerHex(text[9:13]) && isLowerHex(text[14:18]) && isLowerHex(text[19:23]) && isLowerHex(text[24:])
}

func isLowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
