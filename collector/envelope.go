package collector

import (
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/pipeline/enrich"
	"heed/schemas"
)

// kept is an envelope with the room that its ids point to, so that a batch needs one allocation or none.
type kept struct {
	envelope schemas.Envelope
	id, view [16]byte
}

// keepEvents turns what was decoded into envelopes, by the ruling. What may not be kept goes to the rejected ones.
func (c *Collector) keepEvents(v *visit) {
	events := v.decoder.batch.Events
	if v.allows(schemas.Page) {
		v.device = c.enricher.Client(v.clientHeaders())
	}
	shedding, following := v.urgent && c.shedder.isOn(), 0
	if v.fresh && v.isAnswer() { // and not one of an old key, which brings no record
		following = maxFollowing
	}
	if cap(v.kept) < len(events) {
		v.kept = make([]kept, 0, len(events))
	}
	for i := range events {
		v.kept = v.kept[:len(v.kept)+1]
		k := &v.kept[len(v.kept)-1]
		err := v.keep(k, &events[i])
		if err == nil && shedding && events[i].Kind != schemas.Form {
			if following--; following < 0 {
				err = errShedEvent
			}
		}
		if err != nil {
			v.disagree = v.disagree || err == errNoConsent // the browser sends only what it has allowed
			v.decoder.reject(v.decoder.index[i], events[i].ID, *err)
			v.kept = v.kept[:len(v.kept)-1]
			continue
		}
		v.envelopes = append(v.envelopes, &k.envelope)
	}
	if v.disagree {
		c.metrics.disagreements.Inc()
	}
}

// clientHeaders are what the browser said of itself.
func (v *visit) clientHeaders() enrich.Headers {
	o := v.origin.siteOrigin
	return v.lines.headers(o != nil && (o.secure || o.local))
}

// keep fills k with what may be kept of one event.
func (v *visit) keep(k *kept, ev *schemas.Event) *schemas.Error {
	if !v.allows(ev.Kind) {
		return errNoConsent
	}
	age, err := ageOf(ev.Created, v.decoder.batch.Sent)
	if err != nil {
		return err
	}
	page, err := v.readPage(ev.URL)
	if err != nil {
		return err
	}
	v.fillAnonymous(k, ev, page)
	k.envelope.TimeMs = k.envelope.ReceivedMs - age.Milliseconds()
	if !v.measured() {
		return nil
	}
	v.fillMeasured(k, ev)
	v.fillKind(&k.envelope, ev)
	if v.Granted.Has(consent.Advertising) {
		k.envelope.ClickIdKind, k.envelope.ClickId = page.ClickID.Kind, page.ClickID.Value
	}
	return nil
}

// ageOf returns how long before it was sent an event happened, by the browser's own clock: that clock may be years off,
// but it is wrong by as much both times. An event from after its sending happened when it was sent. Both times are from
// 0 to 2^53, so nothing overflows here.
func ageOf(createdMs, sentMs int64) (time.Duration, *schemas.Error) {
	age := max(sentMs-createdMs, 0)
	if age > schemas.MaxAge.Milliseconds() {
		return 0, errTooOld
	}
	return time.Duration(age) * time.Millisecond, nil
}

func (v *visit) readPage(address string) (enrich.Page, *schemas.Error) {
	page, err := enrich.ReadPage(address)
	if err != nil {
		return page, errPageURL
	}
	if !v.site.hosts[page.Host] {
		return page, errForeignPage
	}
	return page, nil
}

// fillAnonymous overwrites k with what names no visitor: the whole of an anonymous page view, the beginning of any other
// event. A field that is added here is added to what is kept without consent.
func (v *visit) fillAnonymous(k *kept, ev *schemas.Event, page enrich.Page) {
	k.id, _ = uuid.Parse(ev.ID) // isUUID7 has checked it
	k.envelope = schemas.Envelope{
		Version: schemas.EnvelopeVersion, Site: v.site.ID, Id: k.id[:], Kind: string(ev.Kind),
		ReceivedMs: v.received.UnixMilli(), Retried: v.decoder.batch.Retried, UnverifiedOrigin: !v.origin.verified,

		Jurisdiction: v.Jurisdiction, MatrixVersion: consent.MatrixVersion,
		Categories: uint32(v.Granted), Anonymous: v.AnonymousCount, RetentionMonths: uint32(v.site.RetentionMonths),

		Host: page.Host, Path: page.Path, ReferrerHost: enrich.ReferrerHost(ev.Referrer, page.Host),
		UtmSource: page.UTM.Source, UtmMedium: page.UTM.Medium, UtmCampaign: page.UTM.Campaign,
		UtmTerm: page.UTM.Term, UtmContent: page.UTM.Content,

		Country: v.place.Country, Browser: v.device.Browser, Device: v.device.Device,
	}
	k.envelope.Bot = enrich.Bot(enrich.BotInput{
		Client: v.device, Place: v.place, Webdriver: v.decoder.batch.Webdriver, ReferrerHost: k.envelope.ReferrerHost,
	})
}

// fillMeasured adds what needs a performance grant.
func (v *visit) fillMeasured(k *kept, ev *schemas.Event) {
	e := &k.envelope
	e.Visitor, e.Notice = v.visitor, v.choice.Notice
	if v.choice.Sealed {
		e.Record = v.choice.Record[:]
	}
	if ev.View != "" {
		k.view, _ = uuid.Parse(ev.View)
		e.View = k.view[:]
	}
	for _, text := range ev.Anonymous {
		id, _ := uuid.Parse(text)
		e.AnonymousIds = append(e.AnonymousIds, id[:])
	}
	e.Region, e.Network, e.NetworkOwner, e.Os = v.place.Region, v.place.Network, v.place.NetworkOwner, v.device.OS
}

// fillKind adds what events of this kind carry. What belongs to another kind is not kept.
func (v *visit) fillKind(e *schemas.Envelope, ev *schemas.Event) {
	switch ev.Kind {
	case schemas.Engagement:
		e.EngagedMs = uint32(ev.Engaged) // at most maxEngaged
	case schemas.Custom:
		e.Name, e.Props = ev.Name, ev.Props
	case schemas.Form:
		e.Form = ev.Form
	}
}
