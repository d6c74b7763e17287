package record

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"heed/consent"
)

// MaxNoticeBytes bounds the canonical text of a notice.
const MaxNoticeBytes = 256 << 10

// The kinds of documents that are hashed by themselves. They stand inside the hashed bytes, so that no document passes
// for one of another kind.
const (
	NoticeKind   = "heed.consent.notice"   // Notice.Kind
	MaterialKind = "heed.consent.material" // Material.Kind
)

// Limits of a notice.
const (
	noticeIDDigits = 8
	maxTexts       = 200
	maxTextBytes   = 8 << 10
	maxCSSBytes    = 64 << 10
	maxDays        = 40 * 365
)

// Notice is one notice exactly as it is put on the screen: of one site, layout and locale. Its SHA-256 is shown_hash.
type Notice struct {
	Version int    `json:"v"`    // of this format: 1
	Kind    string `json:"kind"` // heed.consent.notice
	Site    string `json:"site"`
	Layout  string `json:"layout"`  // as "bar" or "dialog"
	Locale  string `json:"locale"`  // BCP 47
	Edition string `json:"edition"` // the owner's version of the texts
	// Material is what the answer is about. It is the same in every locale and layout.
	Material Material `json:"material"`
	// Look is how it was said.
	Look Look `json:"look"`
}

// Material is what an answer is about: who asks, for what, with whom, for how long. Its SHA-256 is material_hash, and a
// change of it asks every visitor again. All lists stand sorted by id, so that their order is not a change.
type Material struct {
	Version    int         `json:"v"`    // of this format: 1
	Kind       string      `json:"kind"` // heed.consent.material
	Controller Controller  `json:"controller"`
	Purposes   []Purpose   `json:"purposes"`
	Services   []Service   `json:"services"`
	Recipients []Recipient `json:"recipients"`
	ChoiceDays int         `json:"choice_days"` // how long an answer counts at most
}

// Controller is who is responsible.
type Controller struct {
	Name    string `json:"name"`
	Contact string `json:"contact"` // an address or URL to write to
	Country string `json:"country"` // ISO 3166-1 alpha-2
	Officer string `json:"officer,omitempty"`
}

// Purpose is one thing that data is wanted for.
type Purpose struct {
	ID            string   `json:"id"`
	Category      string   `json:"category"`       // of consent.Categories
	Data          []string `json:"data"`           // what is collected, by names of the owner's, sorted
	RetentionDays int      `json:"retention_days"` // how long it is kept
	Locations     []string `json:"locations"`      // countries where it is kept, ISO 3166-1 alpha-2, sorted
}

// Service is something on the page that serves purposes, declared by the owner.
type Service struct {
	ID           string   `json:"id"`
	Category     string   `json:"category"`
	Recipient    string   `json:"recipient"`     // id of who runs it
	Purposes     []string `json:"purposes"`      // ids, sorted
	LifetimeDays int      `json:"lifetime_days"` // of the longest-lived thing it stores in the browser; 0 for a session
}

// Recipient is who gets data.
type Recipient struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Country string `json:"country"` // ISO 3166-1 alpha-2
	Policy  string `json:"policy"`  // URL
}

// Look is all that is seen of a notice: its texts in the order of reading, its buttons in theirs, its style.
type Look struct {
	Texts   []Text   `json:"texts"`
	Buttons []Button `json:"buttons"`
	CSS     string   `json:"css"`
}

// Text is one piece of text. The texts of purposes, services and recipients have their ids.
type Text struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Button is one control.
type Button struct {
	ID     string `json:"id"`
	Action string `json:"action"` // as "accept", "reject", "choose", "save", "close", "link"
	Label  string `json:"label"`
}

// Archived is a notice in the archive. Text is kept for ever under Shown, byte for byte.
type Archived struct {
	Ref  NoticeRef
	Text []byte // canonical JSON of the Notice
}

// Archive returns n as the archive keeps it, or what Validate says.
func (n *Notice) Archive() (Archived, error) {
	if err := n.Validate(); err != nil {
		return Archived{}, err
	}
	text, err := canonical(n)
	if err != nil {
		return Archived{}, fmt.Errorf("archive notice of %s: %w", n.Site, err)
	}
	if len(text) > MaxNoticeBytes {
		return Archived{}, fmt.Errorf("notice of %s has %d bytes, at most %d are allowed", n.Site, len(text), MaxNoticeBytes)
	}
	ref, err := n.ref(text)
	return Archived{ref, text}, err
}

func (n *Notice) ref(text []byte) (NoticeRef, error) {
	material, err := canonical(n.Material)
	if err != nil {
		return NoticeRef{}, fmt.Errorf("hash material of %s: %w", n.Site, err)
	}
	return NoticeRef{consent.NoticeID(material), sha256.Sum256(text), sha256.Sum256(material)}, nil
}

// OpenNotice returns the notice that text holds, after text was found to be, byte for byte, what ref names.
func OpenNotice(text []byte, ref NoticeRef) (*Notice, error) {
	if sum := Hash(sha256.Sum256(text)); sum != ref.Shown {
		return nil, fmt.Errorf("notice %s: shown_hash is %s, the archived text gives %s", ref.ID, ref.Shown, sum)
	}
	n := new(Notice)
	if err := readCanonical(text, MaxNoticeBytes, n); err != nil {
		return nil, fmt.Errorf("notice %s: %w", ref.ID, err)
	}
	if err := n.Validate(); err != nil {
		return nil, err
	}
	got, err := n.ref(text)
	switch {
	case err != nil:
		return nil, err
	case got.Material != ref.Material:
		return nil, fmt.Errorf("notice %s: material_hash is %s, the archived text gives %s", ref.ID, ref.Material, got.Material)
	case got.ID != ref.ID:
		return nil, fmt.Errorf("notice %s: its material has the id %s", ref.ID, got.ID)
	}
	return n, nil
}

// Validate says everything that is wrong with n, each with the name of the field.
func (n *Notice) Validate() error {
	var c checks
	c.that(n.Version == Version, "v", "want 1")
	c.that(n.Kind == NoticeKind, "kind", "want "+NoticeKind)
	c.name(n.Site, "site")
	c.name(n.Layout, "layout")
	c.name(n.Locale, "locale")
	c.name(n.Edition, "edition")
	n.Material.check(&c)
	n.Look.check(&c)
	return c.err(fmt.Sprintf("notice of %q", n.Site))
}

func (l *Look) check(c *checks) {
	c.that(l.Texts != nil && len(l.Texts) <= maxTexts, "look.texts", fmt.Sprintf("want a list of at most %d", maxTexts))
	for _, text := range l.Texts {
		c.name(text.ID, "look.texts.id")
		c.prose(text.Text, maxTextBytes, "look.texts.text")
	}
	c.that(len(l.Buttons) > 0 && len(l.Buttons) <= maxTexts, "look.buttons", fmt.Sprintf("want 1 to %d", maxTexts))
	for _, button := range l.Buttons {
		c.name(button.ID, "look.buttons.id")
		c.name(button.Action, "look.buttons.action")
		c.prose(button.Label, maxTextBytes, "look.buttons.label")
	}
	c.prose(l.CSS, maxCSSBytes, "look.css")
}

func (m *Material) check(c *checks) {
	c.that(m.Version == Version, "material.v", "want 1")
	c.that(m.Kind == MaterialKind, "material.kind", "want "+MaterialKind)
	c.label(m.Controller.Name, "material.controller.name")
	c.label(m.Controller.Contact, "material.controller.contact")
	c.country(m.Controller.Country, "material.controller.country")
	c.text(m.Controller.Officer, maxPlaceBytes, "material.controller.officer")
	c.days(m.ChoiceDays, "material.choice_days")
	c.that(m.ChoiceDays > 0, "material.choice_days", "want at least one")
	m.checkPurposes(c)
	m.checkServices(c)
	c.list(idsOf(m.Recipients, func(r Recipient) string { return r.ID }), maxServices, "material.recipients")
	for _, r := range m.Recipients {
		c.label(r.Name, "material.recipients.name")
		c.country(r.Country, "material.recipients.country")
		c.text(r.Policy, maxOriginBytes, "material.recipients.policy")
	}
}

func (m *Material) checkPurposes(c *checks) {
	c.list(idsOf(m.Purposes, func(p Purpose) string { return p.ID }), maxServices, "material.purposes")
	for _, p := range m.Purposes {
		c.category(p.Category, "material.purposes.category")
		c.list(p.Data, maxServices, "material.purposes.data")
		c.days(p.RetentionDays, "material.purposes.retention_days")
		c.list(p.Locations, maxServices, "material.purposes.locations")
		for _, country := range p.Locations {
			c.country(country, "material.purposes.locations")
		}
	}
}

func (m *Material) checkServices(c *checks) {
	purposes := idsOf(m.Purposes, func(p Purpose) string { return p.ID })
	recipients := idsOf(m.Recipients, func(r Recipient) string { return r.ID })
	c.list(idsOf(m.Services, func(s Service) string { return s.ID }), maxServices, "material.services")
	for _, s := range m.Services {
		c.category(s.Category, "material.services.category")
		c.days(s.LifetimeDays, "material.services.lifetime_days")
		c.that(slices.Contains(recipients, s.Recipient), "material.services.recipient", "not one of the recipients")
		c.list(s.Purposes, maxServices, "material.services.purposes")
		for _, id := range s.Purposes {
			c.that(slices.Contains(purposes, id), "material.services.purposes", "not one of the purposes")
		}
	}
}

// Answers says what keeps r from being an answer to n: each declared service must be granted or denied, no other may
// be, and none may be granted whose category is not.
func (n *Notice) Answers(r *Record) error {
	var c checks
	c.that(r.Site == n.Site, "site", "not that of the notice")
	for _, s := range n.Material.Services {
		granted := slices.Contains(r.Services.Granted, s.ID)
		c.that(granted != slices.Contains(r.Services.Denied, s.ID), "services", "one of the notice is not answered")
		c.that(!granted || slices.Contains(r.Categories.Granted, s.Category), "services", "one is granted, its category is not")
	}
	c.that(len(r.Services.Granted)+len(r.Services.Denied) == len(n.Material.Services), "services", "one is not in the notice")
	return c.err("answer to notice " + r.Notice.ID)
}

func idsOf[T any](list []T, id func(T) string) []string {
	if list == nil {
		return nil
	}
	ids := make([]string, len(list))
	for i, entry := range list {
		ids[i] = id(entry)
	}
	return ids
}
