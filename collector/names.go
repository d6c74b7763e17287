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
	fieldCount
)

var fieldNames = [fieldCount]string{
	"", "v", "sent", "choice", "visitor", "gpc", "dnt", "webdriver", "retried", "events",
	"id", "kind", "created", "url", "referrer", "view", "engaged", "name", "form", "props", "anonymous",
}

// fieldNamed returns the field of a key. The fields of batch and event have no name in common, and one that stands in
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
	}
	return fieldUnknown
}

// fieldSet is a set of fields.
type fieldSet uint32

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
