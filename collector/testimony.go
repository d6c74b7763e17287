package collector

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"heed/consent"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/schemas"
)

// ConsentKind is the kind of an envelope of the consent stream.
const ConsentKind = "consent"

const dayMs = 24 * 60 * 60 * 1000

// testimony is what a batch says of a consent event, as far as it is to be believed. Its zero value says nothing.
type testimony struct {
	event  *schemas.ConsentEvent
	id     record.ID
	notice *Notice        // what was on the screen, or is in force; nil on a site without notices
	ended  consent.Choice // the grant that the event ends or replaces; Sealed only where its seal was right
}

// isAnswer reports whether the event says what the visitor wants: then the batch's choice is that answer.
func (t *testimony) isAnswer() bool {
	if t.event == nil {
		return false
	}
	switch t.event.Event {
	case schemas.ConsentAccept, schemas.ConsentReject, schemas.ConsentCustom, schemas.ConsentWithdraw:
		return true
	}
	return false
}

// hear finds what the batch's consent event is about, before anything is decided.
func (c *Collector) hear(v *visit) *schemas.Error {
	ev := v.decoder.batch.Consent
	if ev == nil {
		return nil
	}
	v.event = ev
	id, _ := uuid.Parse(ev.ID) // isUUID7 has checked it
	v.testimony.id = record.ID(id)
	if v.notice = v.site.noticeOf(ev.Shown); v.notice == nil && ev.Shown != "" {
		return errUnknownNotice
	}
	ended, err := consent.ParseChoice(ev.Ends)
	if err != nil || !ended.Sealed {
		return nil // nothing that was ever granted
	}
	switch proven, _ := v.site.verify(ended); {
	case !proven:
		c.metrics.sealsForged.Inc()
	case isRecord(ended.Record): // not a seal of before there were records
		v.ended = ended
	}
	return nil
}

// isRecord reports whether an id can be a record's: whether it is a UUIDv7.
func isRecord(id [16]byte) bool { return id[6]>>4 == 7 && id[8]>>6 == 2 }

// contradiction returns what keeps the consent event and the batch's choice from belonging together. It is asked after the
// decision.
func (v *visit) contradiction() *schemas.Error {
	ev, granted := v.event, v.answer.Granted
	gpc := v.answer.GPC || v.decoder.batch.GPC || v.lines.gpc
	dnt := v.answer.DNT || v.decoder.batch.DNT || v.lines.dnt
	switch {
	case ev.Event == schemas.ConsentGPC && !gpc, ev.Event == schemas.ConsentDNT && !dnt:
		return wrongConsent("event", "there is no such signal in the batch, in its headers or in the choice")
	case !v.isAnswer():
		return nil
	case v.answer.Day < 0:
		return wrongChoice("the consent event is an answer, and the choice is missing or cannot be read")
	case ev.Event == schemas.ConsentAccept && granted == consent.Essential:
		return wrongChoice("the consent event allows something, the choice nothing")
	case ev.Event == schemas.ConsentReject && granted != consent.Essential:
		return wrongChoice("the consent event allows nothing, the choice something")
	case ev.Event == schemas.ConsentWithdraw && granted == consent.All && !v.answer.Partial:
		return wrongChoice("the consent event takes something back, the choice allows everything")
	case v.notice != nil && v.answer.Notice != v.notice.Ref.ID:
		return wrongChoice("the choice answers another notice than the consent event")
	case v.answer.Grants() && v.choice.Record != v.testimony.id:
		return wrongChoice("what it grants does not count: its seal is another record's or wrong, or its day is too far from today")
	}
	return nil
}

func wrongChoice(message string) *schemas.Error {
	return &schemas.Error{Code: schemas.Malformed, Field: fieldNames[fieldChoice], Message: message}
}

func wrongConsent(name, message string) *schemas.Error {
	return &schemas.Error{Code: schemas.Malformed, Field: fieldNames[fieldConsent] + "." + name, Message: message}
}

// testify makes the consent record, after the decision, and puts its envelope into the visit.
func (c *Collector) testify(v *visit) *schemas.Error {
	if v.event == nil {
		return nil
	}
	if err := v.contradiction(); err != nil {
		return err
	}
	r := v.record()
	r.Browser = c.enricher.Client(v.clientHeaders()).Browser
	var err *schemas.Error
	if r.Services, err = v.services(); err != nil {
		return err
	}
	text, invalid := r.Encode()
	if invalid != nil {
		return &schemas.Error{Code: schemas.Malformed, Field: fieldNames[fieldConsent],
			Message: strings.ReplaceAll(invalid.Error(), "\n", "; ")}
	}
	age := max(v.decoder.batch.Sent-v.event.Created, 0) // as of an event, but never too old: nobody would tell it again
	v.statement = &schemas.Envelope{
		Version: schemas.EnvelopeVersion, Site: v.site.ID, Id: r.ID[:], Kind: ConsentKind,
		ReceivedMs: r.TimeMS, TimeMs: r.TimeMS - min(age, schemas.MaxAge.Milliseconds()), Statement: text,
	}
	return nil
}

// record is the consent record but for services and browser.
func (v *visit) record() *record.Record {
	ev, batch := v.event, &v.decoder.batch
	r := &record.Record{
		Version: record.Version, ID: v.testimony.id, Site: v.site.ID,
		Event: v.happened(), Method: record.Method(ev.Method), Control: ev.Control,
		TimeMS: v.received.UnixMilli(), ClientTimeMS: ev.Created,
		Place: v.recordPlace(), Jurisdiction: v.Jurisdiction, MatrixVersion: consent.MatrixVersion,
		Reasons: record.ReasonCodes(v.Reasons), Assertions: v.site.assertions,
		Signals:    record.Signals{SecGPC: v.lines.gpc, JSGPC: batch.GPC, DNT: batch.DNT || v.lines.dnt},
		Categories: record.CategoryState(v.Granted),
		OptOut:     v.answer.OptOut, Wall: record.WallOff, DwellMS: ev.Dwell,
	}
	if ev.Wall != "" {
		r.Wall = record.Wall(ev.Wall)
	}
	if v.isAnswer() {
		r.ExpiresMS = v.expiry()
	}
	if v.notice != nil {
		r.Notice = v.notice.Ref
	}
	if v.origin.siteOrigin != nil {
		r.Origin = v.origin.value
	}
	switch r.Event {
	case record.Shown, record.Reprompt, record.Rejected: // they end nothing
	default:
		r.Ends = v.ended.Record
	}
	return r
}

// happened returns what is recorded. A withdrawal is one only of a grant that was proven, and takes something of it away.
func (v *visit) happened() record.Event {
	switch v.event.Event {
	case schemas.ConsentReject, schemas.ConsentWithdraw:
	default:
		return record.Event(v.event.Event)
	}
	switch {
	case v.ended.Sealed && (v.ended.Granted&^v.answer.Granted != 0 || v.withdrawsServices()):
		return record.Withdrawn
	case v.answer.Granted == consent.Essential:
		return record.Rejected
	}
	return record.Chosen
}

// withdrawsServices reports whether what was granted before loses services alone. Where both answers are in part nobody but
// the browser knows what the first one allowed.
func (v *visit) withdrawsServices() bool {
	return v.answer.Partial && (!v.ended.Partial || v.event.Event == schemas.ConsentWithdraw)
}

// recordPlace is the place with nothing finer than the matrix needs: a region only where its country has several rows.
func (v *visit) recordPlace() record.Place {
	source, place := record.FromAddress, consent.Place{Country: v.place.Country, Region: v.place.Region}
	if place.Country == "" {
		source, place = record.FromOwner, v.site.AssumePlace
	}
	country, region, _ := strings.Cut(consent.PlaceCode(place), "-")
	if country == "" {
		return record.Place{Source: record.NotKnown}
	}
	return record.Place{Country: country, Region: region, Source: source}
}

// expiry is when an answer stops counting by itself, in Unix ms: behind the last day that the row gives it. The day of an
// answer that does not count is the browser's clock gone wrong, and ours stands for it.
func (v *visit) expiry() int64 {
	day := consent.DayOf(v.received)
	if v.Reasons.Has(consent.ChoiceMade) {
		day = v.answer.Day
	}
	return int64(day+v.days()+1) * dayMs
}

// days is for how many days an answer counts in the visitor's place.
func (v *visit) days() int {
	return consent.BrowserRules(consent.Place{Country: v.place.Country, Region: v.place.Region}, v.site.asserts).Days()
}

// services says of each service of the notice whether it is granted: by the visitor, and by the decision on its category.
// Essential ones and Heed's own go with their category; of an answer in part that names none, no other is granted.
func (v *visit) services() (record.State, *schemas.Error) {
	state := record.State{Granted: []string{}, Denied: []string{}}
	var declared []record.Service
	if v.notice != nil {
		declared = v.notice.Notice.Material.Services
	}
	for _, id := range v.event.Services {
		if !slices.ContainsFunc(declared, func(s record.Service) bool { return s.ID == id }) {
			return state, wrongConsent("services", "one is not in the notice")
		}
	}
	for _, s := range declared {
		category, err := consent.ParseCategories(s.Category)
		chosen := v.event.Services == nil && !v.answer.Partial || slices.Contains(v.event.Services, s.ID) ||
			category == consent.Essential || notice.IsOwn(s.ID)
		if err == nil && chosen && v.Granted.Has(category) {
			state.Granted = append(state.Granted, s.ID)
		} else {
			state.Denied = append(state.Denied, s.ID)
		}
	}
	return state, nil
}
