package collector

import (
	"fmt"

	"github.com/go-faster/jx"

	"heed/schemas"
)

// Limits of schemas.Held and schemas.Name; a test compares.
const (
	maxHost     = 253
	maxSeenName = 128
	maxDays     = 36500
)

// The closed sets of words of the inventory.
var (
	heldKinds = []schemas.HeldKind{
		schemas.HeldScript, schemas.HeldImage, schemas.HeldConnect, schemas.HeldFrame, schemas.HeldStyle, schemas.HeldFont,
		schemas.HeldMedia, schemas.HeldWorker, schemas.HeldObject, schemas.HeldOther,
	}
	namePlaces = []schemas.NamePlace{
		schemas.PlaceCookie, schemas.PlaceLocal, schemas.PlaceSession, schemas.PlaceIDB, schemas.PlaceCache,
	}
)

// held reads what a wall held back.
func (r *reader) held() (all []schemas.Held) {
	r.objects(schemas.MaxHeld, func(entry *reader) {
		var h schemas.Held
		for entry.next() {
			switch entry.field {
			case fieldHost:
				h.Host = entry.text(maxHost)
			case fieldKind:
				h.Kind = word(entry, heldKinds)
			default:
				entry.skip()
			}
		}
		entry.finish(setOf(fieldHost, fieldKind), 0)
		all = append(all, h)
	})
	return all
}

// names reads the names that were seen in a browser.
func (r *reader) names() (all []schemas.Name) {
	r.objects(schemas.MaxNames, func(entry *reader) {
		var n schemas.Name
		for entry.next() {
			switch entry.field {
			case fieldName:
				n.Name = entry.text(maxSeenName)
			case fieldPlace:
				n.Place = word(entry, namePlaces)
			case fieldDays:
				n.Days = entry.number(maxDays)
			case fieldHTTP:
				n.HTTP = entry.flag()
			default:
				entry.skip()
			}
		}
		entry.finish(setOf(fieldName, fieldPlace), 0)
		all = append(all, n)
	})
	return all
}

// objects reads a list of at most limit objects, each with read. What is wrong with one is wrong with the batch.
func (r *reader) objects(limit int, read func(entry *reader)) {
	list, ok := r.list()
	if !ok {
		return
	}
	for n := 0; r.broken == nil && list.Next(); n++ {
		switch {
		case n >= limit:
			r.fail(r.field, schemas.FieldTooLong, fmt.Sprintf("the list has more than %d entries; shorten it", limit))
			r.broken = skip(r.json, r.depth+1)
		case r.json.Next() != jx.Object:
			r.fail(r.field, schemas.InvalidField, "an entry of the list is no object")
			r.broken = skip(r.json, r.depth+1)
		default:
			entry := reader{json: r.json, depth: r.depth + 2}
			read(&entry)
			r.broken = entry.broken
			if entry.err != nil && r.err == nil {
				entry.err.Field = fmt.Sprintf("%s[%d].%s", fieldNames[r.field], n, entry.err.Field)
				r.err = entry.err
			}
		}
	}
	r.check(list.Err())
}
