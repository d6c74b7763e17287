package collector

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"heed/schemas"
)

// decoder reads a batch in one pass, without keeping anything of what it does not know. It is reused: what it returned
// lies in the body and in the decoder, and is valid until either changes.
type decoder struct {
	json     jx.Decoder
	large    jx.Decoder // over one event of a body in which an event may be too long
	batch    schemas.Batch
	consent  schemas.ConsentEvent // what batch.Consent points to, if anything
	index    []int                // where in the document each of batch.Events stood
	rejected []schemas.Rejection
}

// decode reads body into d.batch. An event that is wrong in itself goes to d.rejected and the others stay; an error means
// that nothing of the body can be trusted.
//
// Fields that it does not know are skipped, so that a newer snippet can talk to an older collector. Of a key that stands
// twice the first counts and the second is skipped as if unknown: nobody reads the body after us, so there is no second
// opinion that it could feed.
func (d *decoder) decode(body []byte) *schemas.Error {
	d.batch = schemas.Batch{Events: d.batch.Events[:0]}
	d.consent = schemas.ConsentEvent{}
	d.index, d.rejected = d.index[:0], d.rejected[:0]
	if len(body) > schemas.MaxBatchBytes {
		return errTooLarge
	}
	if !utf8.Valid(body) {
		return errNotUTF8
	}
	large := len(body) > schemas.MaxEventBytes
	if large { // the length of an event is known only behind it, so a pass that bounds depth must come first
		d.json.ResetBytes(body)
		if err := skip(&d.json, 0); err != nil {
			return err
		}
	}
	d.json.ResetBytes(body)
	if d.json.Next() != jx.Object {
		if err := skip(&d.json, 0); err != nil {
			return err
		}
		return errNotJSON
	}
	return d.document(large)
}

// forget drops the texts, which are the body's. The room for them is kept.
func (d *decoder) forget() {
	events := d.batch.Events[:cap(d.batch.Events)]
	clear(events)
	d.batch, d.consent = schemas.Batch{Events: events[:0]}, schemas.ConsentEvent{}
	d.json.ResetBytes(nil)
	d.large.ResetBytes(nil)
	clear(d.rejected)
}

// document reads the whole body. What makes it worthless is told in a fixed order: not JSON or too deep, another
// version, a wrong field, too many events.
func (d *decoder) document(large bool) *schemas.Error {
	r := reader{json: &d.json, depth: 1}
	b, version, events := &d.batch, int64(0), 0
	for r.next() {
		switch r.field {
		case fieldVersion:
			version = r.version()
		case fieldSent:
			b.Sent = r.number(maxSafeInteger)
		case fieldChoice:
			b.Choice = r.text(maxChoice)
		case fieldVisitor:
			b.Visitor = r.form(isVisitor)
		case fieldGPC:
			b.GPC = r.flag()
		case fieldDNT:
			b.DNT = r.flag()
		case fieldWebdriver:
			b.Webdriver = r.flag()
		case fieldRetried:
			b.Retried = r.flag()
		case fieldAge:
			b.Age = word(&r, ages)
		case fieldConsent:
			d.consentEvent(&r)
		case fieldHeld:
			b.Held = r.held()
		case fieldNamesSeen:
			b.Names = r.names()
		case fieldEvents:
			events = d.events(&r, large)
		default:
			r.skip()
		}
	}
	if r.broken != nil {
		return r.broken
	}
	if d.json.Skip() != io.EOF {
		return errNotJSON
	}
	if b.Version = int(version); r.seen.has(fieldVersion) && version != schemas.EventVersion {
		return errVersion
	}
	r.finish(setOf(fieldVersion, fieldSent, fieldEvents), setOf(fieldVisitor, fieldAge))
	if r.err != nil {
		return &schemas.Error{Code: schemas.Malformed, Field: r.err.Field, Message: r.err.Message}
	}
	if events > schemas.MaxBatchEvents {
		return errTooManyEvents
	}
	return nil
}

// events reads the list of events and returns how many there are. Those beyond the limit, which refuse the whole, are
// only counted.
func (d *decoder) events(r *reader, large bool) (n int) {
	list, ok := r.list()
	if !ok {
		return 0
	}
	for ; list.Next(); n++ {
		if n >= schemas.MaxBatchEvents {
			r.broken = skip(r.json, r.depth+1)
		} else if large {
			r.broken = d.largeEvent(n)
		} else {
			r.broken = d.event(n, &d.json)
		}
		if r.broken != nil {
			return n
		}
	}
	r.check(list.Err())
	return n
}

// largeEvent measures an event before it reads it.
func (d *decoder) largeEvent(i int) *schemas.Error {
	d.json.Next() // passes white space
	raw, err := d.json.Raw()
	if err != nil {
		return errNotJSON
	}
	if len(raw) > schemas.MaxEventBytes && size(raw) > schemas.MaxEventBytes {
		d.reject(i, "", schemas.Error{Code: schemas.EventTooLarge,
			Message: fmt.Sprintf("the event is longer than %d bytes; send less in it", schemas.MaxEventBytes)})
		return nil
	}
	d.large.ResetBytes(raw)
	return d.event(i, &d.large)
}

// event reads one event into d.batch or d.rejected.
func (d *decoder) event(i int, json *jx.Decoder) *schemas.Error {
	if json.Next() != jx.Object {
		d.reject(i, "", schemas.Error{Code: schemas.InvalidField, Message: "an event is a JSON object"})
		return skip(json, 2)
	}
	n := len(d.batch.Events)
	d.batch.Events = append(d.batch.Events, schemas.Event{})
	r, ev := reader{json: json, depth: 3}, &d.batch.Events[n]
	r.event(ev)
	if r.err != nil || r.broken != nil {
		id := ev.ID
		*ev = schemas.Event{}
		d.batch.Events = d.batch.Events[:n]
		if r.broken == nil {
			d.reject(i, id, *r.err)
		}
		return r.broken
	}
	d.index = append(d.index, i)
	return nil
}

// size returns the length of a JSON text, white space aside.
func size(text []byte) (n int) {
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inString = !inString
		case c == '\\':
			i++
			n++
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		n++
	}
	return n
}

// skip passes over a value. depth is how many objects and lists are open around it; one more than allowed is refused
// before it is entered.
func skip(json *jx.Decoder, depth int) *schemas.Error {
	kind := json.Next()
	if (kind == jx.Object || kind == jx.Array) && depth == schemas.MaxDepth {
		return errTooDeep
	}
	var err error
	switch kind {
	case jx.Object:
		var fields jx.ObjIter
		for fields, err = json.ObjIter(); err == nil && fields.Next(); {
			if refusal := skip(json, depth+1); refusal != nil {
				return refusal
			}
		}
		err = first(err, fields.Err())
	case jx.Array:
		var entries jx.ArrIter
		for entries, err = json.ArrIter(); err == nil && entries.Next(); {
			if refusal := skip(json, depth+1); refusal != nil {
				return refusal
			}
		}
		err = first(err, entries.Err())
	default:
		err = json.Skip()
	}
	if err != nil {
		return errNotJSON
	}
	return nil
}

// first returns the first of two errors.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
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

// isLowerHex asks a table, since nothing predicts which digits of an id are letters.
func isLowerHex(text string) bool {
	other := byte(0)
	for i := range len(text) {
		other |= notLowerHex[text[i]]
	}
	return other == 0
}

// notLowerHex is 1 for every byte that is no digit of a number in lower-case hexadecimal.
var notLowerHex = func() (t [256]byte) {
	for c := range t {
		t[c] = 1
	}
	for _, c := range []byte("0123456789abcdef") {
		t[c] = 0
	}
	return t
}()
