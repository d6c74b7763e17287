package collector

import (
	"fmt"
	"slices"

	"github.com/go-faster/jx"

	"heed/schemas"
)

// The closed sets of words of the wire format.
var (
	ages         = []schemas.Age{schemas.AgeUnder13, schemas.AgeFrom13, schemas.AgeFrom16}
	consentKinds = []schemas.ConsentKind{
		schemas.ConsentShown, schemas.ConsentAccept, schemas.ConsentReject, schemas.ConsentCustom, schemas.ConsentWithdraw,
		schemas.ConsentGPC, schemas.ConsentDNT, schemas.ConsentExpire, schemas.ConsentReprompt,
	}
	consentMethods = []schemas.ConsentMethod{
		schemas.ByButton, schemas.ByClose, schemas.ByAPI, schemas.BySignal, schemas.ByItself,
	}
	walls = []schemas.Wall{schemas.WallOff, schemas.WallTag, schemas.WallSealed, schemas.WallHeader}

	withoutNotice = []schemas.ConsentKind{schemas.ConsentGPC, schemas.ConsentDNT, schemas.ConsentExpire}
)

// consentEvent reads the consent event into the batch. Whatever is wrong with it is wrong with the batch.
func (d *decoder) consentEvent(batch *reader) {
	if d.json.Next() != jx.Object {
		batch.wrong("the field is not an object")
		return
	}
	r := reader{json: &d.json, depth: batch.depth + 1}
	r.consentEvent(&d.consent)
	d.batch.Consent, batch.broken = &d.consent, r.broken
	if r.err != nil && batch.err == nil {
		r.err.Field = fieldNames[fieldConsent] + "." + r.err.Field
		batch.err = r.err
	}
}

// consentEvent reads a consent event and what its kind and method require.
func (r *reader) consentEvent(ev *schemas.ConsentEvent) {
	for r.next() {
		switch r.field {
		case fieldID:
			ev.ID = r.form(isUUID7)
		case fieldEvent:
			ev.Event = word(r, consentKinds)
		case fieldMethod:
			ev.Method = word(r, consentMethods)
		case fieldControl:
			ev.Control = r.text(maxName)
		case fieldCreated:
			ev.Created = r.number(maxSafeInteger)
		case fieldDwell:
			ev.Dwell = r.number(maxDwell)
		case fieldShown:
			ev.Shown = r.form(isHash)
		case fieldEnds:
			ev.Ends = r.text(maxChoice)
		case fieldServices:
			ev.Services = r.texts(schemas.MaxServices, maxName, nil)
		case fieldWall:
			ev.Wall = word(r, walls)
		default:
			r.skip()
		}
	}
	required := setOf(fieldID, fieldEvent, fieldMethod, fieldCreated)
	if ev.Method == schemas.ByButton {
		required |= setOf(fieldControl)
	} else if ev.Control != "" {
		r.fail(fieldControl, schemas.InvalidField, "only the method button has a control")
	}
	if ev.Method != schemas.ByAPI && !slices.Contains(withoutNotice, ev.Event) {
		required |= setOf(fieldShown)
	}
	r.finish(required, setOf(fieldShown, fieldWall))
}

// word reads one of a closed set of words.
func word[T ~string](r *reader, known []T) T {
	text := T(r.text(maxName))
	if text != "" && !slices.Contains(known, text) {
		r.fail(r.field, schemas.InvalidField, fmt.Sprintf("the field is none of %q", known))
		return ""
	}
	return text
}

// isHash reports whether text is a SHA-256 as the wire has it: 64 lower-case hex digits.
func isHash(text string) bool { return len(text) == 64 && isLowerHex(text) }
