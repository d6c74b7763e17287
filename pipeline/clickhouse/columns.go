package clickhouse

import (
	"time"

	"github.com/google/uuid"

	"heed/schemas"
)

const (
	lowCardinality = "LowCardinality(String)"
	milliseconds   = "DateTime64(3, 'UTC')"
)

// eventColumns are the columns of the table events, as the migrations made it.
var eventColumns = []column[Row]{
	{"site", lowCardinality, word((*schemas.Envelope).GetSite)},
	{"kind", "Enum8('page' = 1, 'engagement' = 2, 'custom' = 3, 'form' = 4)", of((*schemas.Envelope).GetKind)},
	{"id", "UUID", of(func(ev *schemas.Envelope) uuid.UUID { return toUUID(ev.Id) })},
	{"time", milliseconds, of((*schemas.Envelope).GetTimeMs)},
	{"received", milliseconds, of((*schemas.Envelope).GetReceivedMs)},
	{"loaded", milliseconds, each(func(row Row) int64 { return row.Loaded.UnixMilli() })},

	{"source_origin", lowCardinality, words(func(row Row) string { return row.Source.Origin })},
	{"source_partition", "UInt32", each(func(row Row) uint32 { return row.Source.Partition })},
	{"source_offset", "UInt64", each(func(row Row) uint64 { return row.Source.Offset })},
	{"source_event", "UInt32", each(func(row Row) uint32 { return row.Source.Event })},

	{"retried", "Bool", of((*schemas.Envelope).GetRetried)},
	{"unverified_origin", "Bool", of((*schemas.Envelope).GetUnverifiedOrigin)},

	{"jurisdiction", lowCardinality, word((*schemas.Envelope).GetJurisdiction)},
	{"matrix_version", "UInt32", of((*schemas.Envelope).GetMatrixVersion)},
	{"categories", "UInt8", of(func(ev *schemas.Envelope) uint8 { return uint8(ev.Categories) })},
	{"anonymous", "Bool", of((*schemas.Envelope).GetAnonymous)},
	{"notice", lowCardinality, word((*schemas.Envelope).GetNotice)},
	{"record", "String", of((*schemas.Envelope).GetRecord)},
	{"retention", "UInt8", of(func(ev *schemas.Envelope) uint8 { return uint8(ev.RetentionMonths) })},

	{"visitor", "FixedString(16)", of(func(ev *schemas.Envelope) []byte { return ev.Visitor })},
	{"view", "UUID", of(func(ev *schemas.Envelope) uuid.UUID { return toUUID(ev.View) })},
	{"anonymous_ids", "Array(UUID)", lists(anonymousIDs)},

	{"host", lowCardinality, word((*schemas.Envelope).GetHost)},
	{"path", "String", of((*schemas.Envelope).GetPath)},
	{"referrer_host", lowCardinality, word((*schemas.Envelope).GetReferrerHost)},
	{"utm_source", lowCardinality, word((*schemas.Envelope).GetUtmSource)},
	{"utm_medium", lowCardinality, word((*schemas.Envelope).GetUtmMedium)},
	{"utm_campaign", lowCardinality, word((*schemas.Envelope).GetUtmCampaign)},
	{"utm_term", "String", of((*schemas.Envelope).GetUtmTerm)},
	{"utm_content", "String", of((*schemas.Envelope).GetUtmContent)},
	{"click_id_kind", lowCardinality, word((*schemas.Envelope).GetClickIdKind)},
	{"click_id", "String", of((*schemas.Envelope).GetClickId)},

	{"country", lowCardinality, word((*schemas.Envelope).GetCountry)},
	{"region", lowCardinality, word((*schemas.Envelope).GetRegion)},
	{"network", "UInt32", of((*schemas.Envelope).GetNetwork)},
	{"network_owner", lowCardinality, word((*schemas.Envelope).GetNetworkOwner)},
	{"browser", lowCardinality, word((*schemas.Envelope).GetBrowser)},
	{"os", lowCardinality, word((*schemas.Envelope).GetOs)},
	{"device", lowCardinality, word((*schemas.Envelope).GetDevice)},
	{"bot", lowCardinality, word((*schemas.Envelope).GetBot)},

	{"engaged_ms", "UInt32", of((*schemas.Envelope).GetEngagedMs)},
	{"name", lowCardinality, word((*schemas.Envelope).GetName)},
	{"form", lowCardinality, word((*schemas.Envelope).GetForm)},
	{"props", "Map(LowCardinality(String), String)", of((*schemas.Envelope).GetProps)},
}

// deadColumns are the columns of the table dead_letters.
var deadColumns = []column[DeadLetter]{
	{"time", milliseconds, each(func(d DeadLetter) time.Time { return d.Time })},
	{"reason", "String", each(func(d DeadLetter) string { return d.Reason })},
	{"source_origin", lowCardinality, words(func(d DeadLetter) string { return d.Source.Origin })},
	{"source_partition", "UInt32", each(func(d DeadLetter) uint32 { return d.Source.Partition })},
	{"source_offset", "UInt64", each(func(d DeadLetter) uint64 { return d.Source.Offset })},
	{"source_event", "UInt32", each(func(d DeadLetter) uint32 { return d.Source.Event })},
	{"envelope", "String", each(func(d DeadLetter) []byte { return d.Envelope })},
}

// endColumns are the columns of the table load_ends.
var endColumns = []column[LoadEnds]{
	{"site", lowCardinality, words(func(e LoadEnds) string { return e.Site })},
	{"source_origin", lowCardinality, words(func(e LoadEnds) string { return e.Origin })},
	{"source_partition", "UInt32", each(func(e LoadEnds) uint32 { return e.Partition })},
	{"from_offset", "UInt64", each(func(e LoadEnds) uint64 { return e.From })},
	{"to_offset", "UInt64", each(func(e LoadEnds) uint64 { return e.To })},
	{"stored", "UInt64", each(func(e LoadEnds) uint64 { return e.Stored })},
	{"duplicates", "UInt64", each(func(e LoadEnds) uint64 { return e.Duplicates })},
	{"withdrawn", "UInt64", each(func(e LoadEnds) uint64 { return e.Withdrawn })},
	{"dead", "UInt64", each(func(e LoadEnds) uint64 { return e.Dead })},
	{"at", milliseconds, each(func(e LoadEnds) time.Time { return e.At })},
}

// withdrawnColumns are the columns of the table withdrawn but for put, which the server fills in.
var withdrawnColumns = []column[Withdrawal]{
	{"site", lowCardinality, words(func(w Withdrawal) string { return w.Site })},
	{"record", "FixedString(16)", each(func(w Withdrawal) []byte { return w.Record[:] })},
	{"keeps", "UInt8", each(func(w Withdrawal) uint8 { return w.Keeps })},
	{"at", milliseconds, each(func(w Withdrawal) time.Time { return w.At })},
}

// edgeColumns are the columns of the table edge_counts.
var edgeColumns = []column[EdgeCount]{
	{"site", lowCardinality, words(func(e EdgeCount) string { return e.Site })},
	{"log", lowCardinality, words(func(e EdgeCount) string { return e.Log })},
	{"code", lowCardinality, words(func(e EdgeCount) string { return e.Code })},
	{"count", "UInt64", each(func(e EdgeCount) uint64 { return e.Count })},
	{"at", milliseconds, each(func(e EdgeCount) time.Time { return e.At })},
}

// inventoryColumns are the columns of the table inventory.
var inventoryColumns = []column[InventoryRow]{
	{"site", lowCardinality, words(func(r InventoryRow) string { return r.Site })},
	{"day", "Date", each(func(r InventoryRow) time.Time { return r.Day })},
	{"what", lowCardinality, words(func(r InventoryRow) string { return r.What })},
	{"kind", lowCardinality, words(func(r InventoryRow) string { return r.Kind })},
	{"name", "String", each(func(r InventoryRow) string { return r.Name })},
	{"process", lowCardinality, words(func(r InventoryRow) string { return r.Process })},
	{"count", "UInt64", each(func(r InventoryRow) uint64 { return r.Count })},
	{"days", "UInt32", each(func(r InventoryRow) uint32 { return r.Days })},
	{"http", "Bool", each(func(r InventoryRow) bool { return r.HTTP })},
}

// storedBundle is a row of the table bundles.
type storedBundle struct {
	Bundle
	at time.Time
}

// bundleColumns are the columns of the table bundles.
var bundleColumns = []column[storedBundle]{
	{"site", lowCardinality, words(func(b storedBundle) string { return b.Site })},
	{"hash", "String", each(func(b storedBundle) string { return b.Hash })},
	{"stored", milliseconds, each(func(b storedBundle) time.Time { return b.at })},
	{"plain", "String", each(func(b storedBundle) []byte { return b.Plain })},
	{"gzip", "String", each(func(b storedBundle) []byte { return b.Gzip })},
	{"brotli", "String", each(func(b storedBundle) []byte { return b.Brotli })},
}

// toUUID reads 16 bytes in the order of the text form; none are the zero UUID.
func toUUID(b []byte) (id uuid.UUID) {
	copy(id[:], b)
	return id
}

func anonymousIDs(ev *schemas.Envelope) []uuid.UUID {
	ids := make([]uuid.UUID, len(ev.AnonymousIds))
	for i, id := range ev.AnonymousIds {
		ids[i] = toUUID(id)
	}
	return ids
}
