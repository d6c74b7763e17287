package collector

// field is a field of the wire format. The order is that in which missing ones are told.
type field uint8

const (
	fieldUnknown field = iota
	fieldVersion
	fieldSent
	fieldChoice
	fieldVisitor
	fieldGPC
	fieldDNT
	fieldWebdriver
	fieldRetried
	fieldAge
	fieldConsent
	fieldEvents
	fieldID
	fieldKind
	fieldCreated
	fieldURL
	fieldReferrer
	fieldView
	fieldEngaged
	fieldName
	fieldForm
	fieldProps
	fieldAnonymous
	fieldEvent
	fieldMethod
	fieldControl
	fieldDwell
	fieldShown
	fieldEnds
	fieldServices
	fieldWall
	fieldHeld
	fieldNamesSeen
	fieldHost
	fieldPlace
	fieldDays
	fieldHTTP
	fieldCount
)

var fieldNames = [fieldCount]string{
	"", "v", "sent", "choice", "visitor", "gpc", "dnt", "webdriver", "retried", "age", "consent", "events",
	"id", "kind", "created", "url", "referrer", "view", "engaged", "name", "form", "props", "anonymous",
	"event", "method", "control", "dwell", "shown", "ends", "services", "wall",
	"held", "names", "host", "place", "days", "http",
}

// fieldNamed returns the field of a key. A name means the same in all objects, and one that stands in
// the wrong object is unknown there.
func fieldNamed(key []byte) field {
	switch string(key) {
	case "v":
		return fieldVersion
	case "sent":
		return fieldSent
	case "choice":
		return fieldChoice
	case "visitor":
		return fieldVisitor
	case "gpc":
		return fieldGPC
	case "dnt":
		return fieldDNT
	case "webdriver":
		return fieldWebdriver
	case "retried":
		return fieldRetried
	case "age":
		return fieldAge
	case "consent":
		return fieldConsent
	case "events":
		return fieldEvents
	case "id":
		return fieldID
	case "kind":
		return fieldKind
	case "created":
		return fieldCreated
	case "url":
		return fieldURL
	case "referrer":
		return fieldReferrer
	case "view":
		return fieldView
	case "engaged":
		return fieldEngaged
	case "name":
		return fieldName
	case "form":
		return fieldForm
	case "props":
		return fieldProps
	case "anonymous":
		return fieldAnonymous
	case "event":
		return fieldEvent
	case "method":
		return fieldMethod
	case "control":
		return fieldControl
	case "dwell":
		return fieldDwell
	case "shown":
		return fieldShown
	case "ends":
		return fieldEnds
	case "services":
		return fieldServices
	case "wall":
		return fieldWall
	case "held":
		return fieldHeld
	case "names":
		return fieldNamesSeen
	case "host":
		return fieldHost
	case "place":
		return fieldPlace
	case "days":
		return fieldDays
	case "http":
		return fieldHTTP
	}
	return fieldUnknown
}

// fieldSet is a set of fields.
type fieldSet uint64

func setOf(fields ...field) (set fieldSet) {
	for _, f := range fields {
		set |= 1 << f
	}
	return set
}

func (s fieldSet) has(f field) bool { return s>>f&1 != 0 }

// What each kind of event requires beyond what all do.
var (
	requiredAlways     = setOf(fieldID, fieldKind, fieldCreated, fieldURL)
	requiredEngagement = requiredAlways | setOf(fieldView, fieldEngaged)
	requiredCustom     = requiredAlways | setOf(fieldName)
	requiredForm       = requiredAlways | setOf(fieldForm)
)
