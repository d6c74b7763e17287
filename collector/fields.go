package collector

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"

	"heed/schemas"
)

// Limits of single fields, as the struct tags of schemas.Batch and schemas.Event state them; a test compares. Lengths
// count characters.
const (
	maxSafeInteger = 1<<53 - 1
	maxChoice      = 160
	maxURL         = 4096
	maxEngaged     = 24 * 60 * 60 * 1000
	maxName        = 64
	maxForm        = 128
	maxPropKey     = 64
	maxPropValue   = 256
)

// presence says what an absent field means.
type presence bool

const (
	optional presence = false
	required presence = true
)

// reader reads the fields of one JSON object and remembers the first that is wrong; after that it reads nothing more.
type reader struct {
	object *fastjson.Value
	err    *schemas.Error // Field is relative to the object
}

// event reads an event and what its kind requires.
func (r *reader) event() schemas.Event {
	ev := schemas.Event{ID: r.form("id", required, isUUID7)}
	ev.Kind = schemas.Kind(r.text("kind", required, maxName))
	ev.Created = r.number("created", required, maxSafeInteger)
	ev.URL = r.text("url", required, maxURL)
	ev.Referrer = r.text("referrer", optional, maxURL)
	ev.View = r.form("view", presence(ev.Kind == schemas.Engagement), isUUID7)
	ev.Engaged = r.number("engaged", presence(ev.Kind == schemas.Engagement), maxEngaged)
	ev.Name = r.text("name", presence(ev.Kind == schemas.Custom), maxName)
	ev.Form = r.text("form", presence(ev.Kind == schemas.Form), maxForm)
	ev.Props = r.props("props")
	ev.Anonymous = r.ids("anonymous")
	switch ev.Kind {
	case schemas.Page, schemas.Engagement, schemas.Custom, schemas.Form:
	default:
		r.fail("kind", schemas.InvalidField, "the kind is page, engagement, custom or form")
	}
	return ev
}

// get returns the value of a field, or nil when there is none or an error came before.
func (r *reader) get(name string, need presence) *fastjson.Value {
	if r.err != nil {
		return nil
	}
	value := r.object.Get(name)
	if value == nil && need == required {
		r.fail(name, schemas.MissingField, "the field is required; add it")
	}
	return value
}

// fail notes the first error.
func (r *reader) fail(field string, code schemas.Code, message string) {
	if r.err == nil {
		r.err = &schemas.Error{Code: code, Field: field, Message: message}
	}
}

// text reads a string of at most limit characters.
func (r *reader) text(name string, need presence, limit int) string {
	value := r.get(name, need)
	if value == nil {
		return ""
	}
	text, ok := r.string(name, value, limit)
	if ok && text == "" && need == required {
		r.fail(name, schemas.MissingField, "the field is required and empty; fill it")
	}
	return text
}

// string checks a value that must be a string without control characters.
func (r *reader) string(name string, value *fastjson.Value, limit int) (string, bool) {
	raw, err := value.StringBytes()
	text := unsafe.String(unsafe.SliceData(raw), len(raw)) // not a copy: valid until the parser's next document
	switch {
	case err != nil:
		r.fail(name, schemas.InvalidField, "the field is not a string")
	case hasControl(text):
		r.fail(name, schemas.InvalidField, "the field has a control character in it; remove it")
	case len(text) > limit && utf8.RuneCountInString(text) > limit:
		r.fail(name, schemas.FieldTooLong, fmt.Sprintf("the field is longer than %d characters; shorten it", limit))
	default:
		return text, true
	}
	return "", false
}

// form reads a string that must have a fixed form.
func (r *reader) form(name string, need presence, ok func(string) bool) string {
	value := r.get(name, need)
	if value == nil {
		return ""
	}
	text, isString := r.string(name, value, maxURL)
	if isString && text == "" && need == required {
		r.fail(name, schemas.MissingField, "the field is required and empty; fill it")
	} else if isString && !ok(text) {
		r.fail(name, schemas.InvalidField, "the field has the wrong form; ids are lower-case UUIDv7, visitors 32 lower-case hex digits")
		return ""
	}
	return text
}

// number reads a whole number from 0 to limit. Where it is required, 0 is as good as absent.
func (r *reader) number(name string, need presence, limit int64) int64 {
	value := r.get(name, need)
	if value == nil {
		return 0
	}
	n, err := value.Int64()
	if err != nil || n < 0 || n > limit {
		r.fail(name, schemas.InvalidField, fmt.Sprintf("the field is not a whole number from 0 to %d", limit))
		return 0
	}
	if n == 0 && need == required {
		r.fail(name, schemas.MissingField, "the field is required and 0; fill it")
	}
	return n
}

func (r *reader) flag(name string) bool {
	value := r.get(name, optional)
	if value == nil {
		return false
	}
	set, err := value.Bool()
	if err != nil {
		r.fail(name, schemas.InvalidField, "the field is neither true nor false")
	}
	return set
}

func (r *reader) list(name string, need presence) []*fastjson.Value {
	value := r.get(name, need)
	if value == nil {
		return nil
	}
	values, err := value.Array()
	if err != nil {
		r.fail(name, schemas.InvalidField, "the field is not a list")
	}
	return values
}

// ids reads a list of UUIDs.
func (r *reader) ids(name string) []string {
	values := r.list(name, optional)
	if len(values) == 0 {
		return nil
	}
	if len(values) > schemas.MaxAnonymousIDs {
		r.fail(name, schemas.FieldTooLong, fmt.Sprintf("the list has more than %d entries; shorten it", schemas.MaxAnonymousIDs))
		return nil
	}
	ids := make([]string, 0, len(values))
	for _, value := range values {
		id, ok := r.string(name, value, maxURL)
		if !ok {
			return nil
		}
		if !isUUID7(id) {
			r.fail(name, schemas.InvalidField, "an entry is not a lower-case UUIDv7")
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// props reads the owner's own keys and values.
func (r *reader) props(name string) map[string]string {
	value := r.get(name, optional)
	if value == nil {
		return nil
	}
	object, err := value.Object()
	if err != nil {
		r.fail(name, schemas.InvalidField, "the field is not an object of strings")
		return nil
	}
	if object.Len() > schemas.MaxPropCount {
		r.fail(name, schemas.FieldTooLong, fmt.Sprintf("there are more than %d properties; send fewer", schemas.MaxPropCount))
		return nil
	}
	if object.Len() == 0 {
		return nil
	}
	props := make(map[string]string, object.Len())
	object.Visit(func(key []byte, value *fastjson.Value) {
		if r.err != nil {
			return
		}
		text, _ := r.string(name, value, maxPropValue)
		if k := string(key); len(k) > maxPropKey && utf8.RuneCountInString(k) > maxPropKey {
			r.fail(name, schemas.FieldTooLong, fmt.Sprintf("a key is longer than %d characters; shorten it", maxPropKey))
		} else if hasControl(k) {
			r.fail(name, schemas.InvalidField, "a key has a control character in it; remove it")
		} else if _, twice := props[k]; !twice {
			props[k] = text
		}
	})
	return props
}

// hasControl reports whether text holds NUL or another control character: none of them belongs into a URL or a name, and
// terminals and spreadsheets take some for commands.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c == 0x7f })
}
