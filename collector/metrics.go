package collector

import (
	"fmt"
	"io"

	"github.com/VictoriaMetrics/metrics"

	"heed/schemas"
)

// Metrics of this package. Labels are sites of the configuration and codes of package schemas, both closed sets.
//
//	heed_collector_events_arrived_total{site}        well-framed events of a site; a refused body counts once
//	heed_collector_events_accepted_total{site}       of those, made durable
//	heed_collector_events_rejected_total{site,code}  of those, refused; arrived = accepted + rejected
//	heed_collector_batches_total                     batches answered with 202
//	heed_collector_refused_total{code}               requests answered with an error, of any site or none
//	heed_collector_pixels_lost_total                 images answered with X-Heed-Stored: 0
//	heed_collector_connections                       connections that are open
//	heed_collector_connections_parked                of those, idle long enough to hold next to nothing
//	heed_collector_accept_errors_total               connections that could not be accepted, as when too many files are open
//	heed_collector_consent_records_total             consent records made durable
//	heed_collector_choices_sealed_total              choices answered sealed: with a new record, or again with a new key
//	heed_collector_choices_unproven_total            choices that grant without a seal and without their record: they only take away
//	heed_collector_choices_malformed_total           choices that could not be read: they refuse everything
//	heed_collector_seals_forged_total                choices with a wrong seal: they only take away
//	heed_collector_consent_disagreements_total       requests whose browser allowed more than was allowed here
//	heed_collector_panics_total                      recovered panics, each also an error in the log
//	heed_collector_append_seconds                    how long the log took to make a batch durable
type collectorMetrics struct {
	set                             *metrics.Set
	batches, pixelsLost, panics     *metrics.Counter
	acceptErrors                    *metrics.Counter
	choicesSealed, choicesMalformed *metrics.Counter
	choicesUnproven, consentRecords *metrics.Counter
	sealsForged, disagreements      *metrics.Counter
	appendSeconds                   *metrics.Histogram
	refused                         map[schemas.Code]*metrics.Counter
}

// answerCodes end a whole request; eventCodes refuse one event.
var (
	answerCodes = []schemas.Code{
		schemas.Malformed, schemas.UnsupportedVersion, schemas.TooDeep, schemas.TooManyEvents, schemas.UnknownNotice,
		schemas.ForeignOrigin,
		schemas.UnknownSite, schemas.NotFound, schemas.MethodNotAllowed, schemas.Timeout, schemas.TooLarge,
		schemas.UnsupportedMedia, schemas.HeadersTooLarge, schemas.Internal, schemas.Unavailable,
		schemas.RateLimited,
	}
	eventCodes = []schemas.Code{
		schemas.MissingField, schemas.InvalidField, schemas.FieldTooLong, schemas.EventTooLarge, schemas.TooOld,
		schemas.NoConsent,
	}
)

func newMetrics() *collectorMetrics {
	set := metrics.NewSet()
	m := &collectorMetrics{
		set:              set,
		batches:          set.NewCounter("heed_collector_batches_total"),
		acceptErrors:     set.NewCounter("heed_collector_accept_errors_total"),
		pixelsLost:       set.NewCounter("heed_collector_pixels_lost_total"),
		panics:           set.NewCounter("heed_collector_panics_total"),
		choicesSealed:    set.NewCounter("heed_collector_choices_sealed_total"),
		choicesUnproven:  set.NewCounter("heed_collector_choices_unproven_total"),
		consentRecords:   set.NewCounter("heed_collector_consent_records_total"),
		choicesMalformed: set.NewCounter("heed_collector_choices_malformed_total"),
		sealsForged:      set.NewCounter("heed_collector_seals_forged_total"),
		disagreements:    set.NewCounter("heed_collector_consent_disagreements_total"),
		appendSeconds:    set.NewHistogram("heed_collector_append_seconds"),
		refused:          map[schemas.Code]*metrics.Counter{},
	}
	for _, code := range answerCodes {
		m.refused[code] = set.NewCounter(fmt.Sprintf(`heed_collector_refused_total{code=%q}`, code))
	}
	return m
}

// refuse counts a request that was answered with an error.
func (m *collectorMetrics) refuse(code schemas.Code) { m.refused[code].Inc() }

// accept counts a batch that was answered 202.
func (m *collectorMetrics) accept(h handed) {
	m.batches.Inc()
	if h.sealed {
		m.choicesSealed.Inc()
	}
}

// ledger counts the events of one site: arrived = accepted + rejected.
type ledger struct {
	arrived, accepted *metrics.Counter
	rejected          map[schemas.Code]*metrics.Counter
}

func (m *collectorMetrics) newLedger(site string) *ledger {
	l := &ledger{
		arrived:  m.set.NewCounter(fmt.Sprintf(`heed_collector_events_arrived_total{site=%q}`, site)),
		accepted: m.set.NewCounter(fmt.Sprintf(`heed_collector_events_accepted_total{site=%q}`, site)),
		rejected: map[schemas.Code]*metrics.Counter{},
	}
	for _, codes := range [][]schemas.Code{answerCodes, eventCodes} {
		for _, code := range codes {
			name := fmt.Sprintf(`heed_collector_events_rejected_total{site=%q,code=%q}`, site, code)
			l.rejected[code] = m.set.NewCounter(name)
		}
	}
	return l
}

// refuse counts a body that was refused as a whole.
func (l *ledger) refuse(code schemas.Code) {
	l.arrived.Inc()
	l.rejected[code].Inc()
}

// settle counts the events of a batch: those kept by how that ended, those rejected by their codes.
func (l *ledger) settle(kept int, rejected []schemas.Rejection, stored bool) {
	l.arrived.Add(kept + len(rejected))
	if stored {
		l.accepted.Add(kept)
	} else {
		l.rejected[schemas.Unavailable].Add(kept)
	}
	for i := range rejected {
		l.rejected[rejected[i].Code].Inc()
	}
}

// SiteLedger is what became of one site's events since the collector was made: Arrived = Accepted + all of Rejected, but
// for requests that are being counted at the moment.
type SiteLedger struct {
	Site     string
	Arrived  uint64
	Accepted uint64
	Rejected map[schemas.Code]uint64 // codes that have occurred
}

// Ledger returns the ledgers of all sites, in the order of the configuration.
func (c *Collector) Ledger() []SiteLedger {
	ledgers := make([]SiteLedger, 0, len(c.order))
	for _, s := range c.order {
		l := SiteLedger{Site: s.ID, Rejected: map[schemas.Code]uint64{}}
		l.Arrived, l.Accepted = s.ledger.arrived.Get(), s.ledger.accepted.Get()
		for code, counter := range s.ledger.rejected {
			if n := counter.Get(); n > 0 {
				l.Rejected[code] = n
			}
		}
		ledgers = append(ledgers, l)
	}
	return ledgers
}

// WriteMetrics writes all metrics of the collector in the Prometheus text format.
func (c *Collector) WriteMetrics(w io.Writer) { c.metrics.set.WritePrometheus(w) }
