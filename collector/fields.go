package collector

import (
	"fmt"
	"math/bits"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"heed/pipeline/enrich"
	"heed/schemas"
)

// Limits of single fields, as the struct tags of schemas.Batch and schemas.Event state them; a test compares. Lengths
// count characters.
const (
	maxSafeInteger = 1<<53 - 1
	maxChoice      = 160
	maxURL         = 4096
	maxEngaged     = 24 * 60 * 60 * 1000
	maxDwell       = 24 * 60 * 60 * 1000
	maxName        = 64
	maxForm        = 128
	maxPropKey     = 64
	maxPropValue   = 256
)

// reader reads the fields of one JSON object as they come. It remembers the first that is wrong and reads on, since the
// rest must be JSON too. Broken means that it is not: then nothing of the body counts.
type reader struct {
	json   *jx.Decoder
	fields jx.ObjIter
	depth  int   // objects and lists that are open, this one included
	field  field // the one to be read now
	begun  bool
	seen   fieldSet
	empty  fieldSet       // of those seen, "" or 0
	err    *schemas.Error // Field is relative to the object
	broken *schemas.Error
}

// next moves to the next field and reports whether there is one. The caller reads its value with one of the methods.
func (r *reader) next() bool {
	if !r.begun {
		r.begun = true
		var err error
		r.fields, err = r.json.ObjIter()
		r.check(err)
	}
	if r.broken != nil {
		return false
	}
	if !r.fields.Next() {
		r.check(r.fields.Err())
		return false
	}
	r.field = fieldNamed(r.fields.Key())
	if r.seen.has(r.field) {
		r.field = fieldUnknown
	} else if r.field != fieldUnknown {
		r.seen |= 1 << r.field
	}
	return true
}

// check notes an error of the JSON itself.
func (r *reader) check(err error) {
	if err != nil && r.broken == nil {
		r.broken = errNotJSON
	}
}

// skip passes over a value.
func (r *reader) skip() {
	if err := skip(r.json, r.depth); err != nil {
		r.broken = err
	}
}

// fail notes the first error of a field.
func (r *reader) fail(f field, code schemas.Code, message string) {
	if r.err == nil {
		r.err = &schemas.Error{Code: code, Field: fieldNames[f], Message: message}
	}
}

// wrong passes over a value of the wrong type.
func (r *reader) wrong(message string) {
	r.fail(r.field, schemas.InvalidField, message)
	r.skip()
}

// finish checks, behind the last field, that those required are there and not empty. Those of a fixed form must not be
// empty either.
func (r *reader) finish(required, formed fieldSet) {
	absent := required &^ r.seen
	missing := absent | required&r.empty
	if missing != 0 {
		f := field(bits.TrailingZeros64(uint64(missing)))
		message := "the field is required and empty or 0; fill it"
		if absent.has(f) {
			message = "the field is required; add it"
		}
		r.fail(f, schemas.MissingField, message)
	} else if empty := r.empty & formed; empty != 0 {
		r.fail(field(bits.TrailingZeros64(uint64(empty))), schemas.InvalidField, wrongForm)
	}
}

// event reads an event and what its kind requires.
func (r *reader) event(ev *schemas.Event) {
	for r.next() {
		switch r.field {
		case fieldID:
			ev.ID = r.form(isUUID7)
		case fieldKind:
			ev.Kind = schemas.Kind(r.text(maxName))
		case fieldCreated:
			ev.Created = r.number(maxSafeInteger)
		case fieldURL:
			ev.URL = r.text(maxURL)
		case fieldReferrer:
			ev.Referrer = r.text(maxURL)
		case fieldView:
			ev.View = r.form(isUUID7)
		case fieldEngaged:
			ev.Engaged = r.number(maxEngaged)
		case fieldName:
			ev.Name = r.text(maxName)
		case fieldForm:
			ev.Form = r.text(maxForm)
		case fieldProps:
			ev.Props = r.props()
		case fieldAnonymous:
			ev.Anonymous = r.texts(schemas.MaxAnonymousIDs, maxURL, isUUID7)
		default:
			r.skip()
		}
	}
	required := requiredAlways
	switch ev.Kind {
	case schemas.Page, "": // "" is missing or wrong
	case schemas.Engagement:
		required = requiredEngagement
	case schemas.Custom:
		required = requiredCustom
	case schemas.Form:
		required = requiredForm
	default:
		r.fail(fieldKind, schemas.InvalidField, "the kind is page, engagement, custom or form")
	}
	r.finish(required, setOf(fieldID, fieldView))
}

// text reads a string of at most limit characters.
func (r *reader) text(limit int) string {
	text, ok := r.string(limit)
	if ok && text == "" {
		r.empty |= 1 << r.field
	}
	return text
}

// string reads a value that must be a string without control characters.
func (r *reader) string(limit int) (string, bool) {
	if r.json.Next() != jx.String {
		r.wrong("the field is not a string")
		return "", false
	}
	raw, err := r.json.StrBytes()
	if err != nil {
		r.check(err)
		return "", false
	}
	text := text(raw) // part of the body, or made for its escapes
	if enrich.HasControl(text) {
		r.fail(r.field, schemas.InvalidField, "the field has a control character in it; remove it")
		return "", false
	}
	if isLonger(text, limit) {
		r.fail(r.field, schemas.FieldTooLong, fmt.Sprintf("the field is longer than %d characters; shorten it", limit))
		return "", false
	}
	return text, true
}

const wrongForm = "the field has the wrong form; ids are lower-case UUIDv7, visitors 32 and hashes 64 lower-case hex digits"

// form reads a string that must have a fixed form.
func (r *reader) form(ok func(string) bool) string {
	text := r.text(maxURL)
	if text != "" && !ok(text) {
		r.fail(r.field, schemas.InvalidField, wrongForm)
		return ""
	}
	return text
}

// number reads a whole number from 0 to limit.
func (r *reader) number(limit int64) int64 {
	n, ok := r.digits()
	if !ok || n > limit {
		r.fail(r.field, schemas.InvalidField, fmt.Sprintf("the field is not a whole number from 0 to %d", limit))
		return 0
	}
	if n == 0 {
		r.empty |= 1 << r.field
	}
	return n
}

// version reads the format's version; anything but a whole number reads as 0.
func (r *reader) version() int64 {
	n, _ := r.digits()
	return n
}

// maxDigits is as many as an int64 has room for, whatever they are.
const maxDigits = 18

// digits reads a number that is written in digits alone. Any other value is passed over.
func (r *reader) digits() (n int64, ok bool) {
	if r.json.Next() != jx.Number {
		r.skip()
		return 0, false
	}
	raw, err := r.json.Raw()
	if err != nil || len(raw) > maxDigits {
		r.check(err)
		return 0, false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (r *reader) flag() bool {
	if r.json.Next() != jx.Bool {
		r.wrong("the field is neither true nor false")
		return false
	}
	set, err := r.json.Bool()
	r.check(err)
	return set
}

// list begins to read a list, whose entries lie one deeper.
func (r *reader) list() (jx.ArrIter, bool) {
	if r.json.Next() != jx.Array {
		r.wrong("the field is not a list")
		return jx.ArrIter{}, false
	}
	list, err := r.json.ArrIter()
	r.check(err)
	return list, err == nil
}

// texts reads a list of at most entries texts of at most limit characters. isFormed says which have the right form; nil:
// all. A list that is there but empty is not nil.
func (r *reader) texts(entries, limit int, isFormed func(string) bool) (texts []string) {
	list, ok := r.list()
	if !ok {
		return nil
	}
	r.depth++
	defer func() { r.depth-- }()
	texts = []string{}
	for n := 0; r.broken == nil && list.Next(); n++ {
		if n >= entries {
			r.fail(r.field, schemas.FieldTooLong, fmt.Sprintf("the list has more than %d entries; shorten it", entries))
			r.skip()
			continue
		}
		text, ok := r.string(limit)
		if ok && isFormed != nil && !isFormed(text) {
			r.fail(r.field, schemas.InvalidField, "an entry has the wrong form; ids are lower-case UUIDv7")
		}
		texts = append(texts, text)
	}
	r.check(list.Err())
	return texts
}

// props reads the owner's own keys and values.
func (r *reader) props() (props map[string]string) {
	if r.json.Next() != jx.Object {
		r.wrong("the field is not an object of strings")
		return nil
	}
	fields, err := r.json.ObjIter()
	r.check(err)
	r.depth++
	defer func() { r.depth-- }()
	for n := 0; r.broken == nil && fields.Next(); n++ {
		if n >= schemas.MaxPropCount {
			r.fail(r.field, schemas.FieldTooLong, fmt.Sprintf("there are more than %d properties; send fewer", schemas.MaxPropCount))
			r.skip()
			continue
		}
		key := text(fields.Key())
		if isLonger(key, maxPropKey) {
			r.fail(r.field, schemas.FieldTooLong, fmt.Sprintf("a key is longer than %d characters; shorten it", maxPropKey))
		} else if enrich.HasControl(key) {
			r.fail(r.field, schemas.InvalidField, "a key has a control character in it; remove it")
		}
		value, _ := r.string(maxPropValue)
		if props == nil {
			props = make(map[string]string)
		}
		if _, twice := props[key]; !twice {
			props[key] = value
		}
	}
	r.check(fields.Err())
	return props
}

// isLonger reports whether text has more than limit characters.
func isLonger(text string, limit int) bool {
	return len(text) > limit && utf8.RuneCountInString(text) > limit
}
