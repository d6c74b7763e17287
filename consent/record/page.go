package record

import (
	"encoding/base64"
	"slices"
	"time"
)

// Page is what a receipt's page for people says, in the words and the language of the notice that was shown. It holds
// values alone; whoever renders it escapes them.
type Page struct {
	Locale     string
	Site       string
	RecordID   string
	Event      Event
	At         time.Time // UTC
	Expires    time.Time // UTC; zero where nothing expires by itself
	Controller Controller
	Rule       string // the row of the matrix that decided
	Signals    Signals
	Wall       Wall
	Purposes   []PagePurpose
	Notice     NoticeRef // the archived notice, to be opened beside it
	Ends       string    // id of the record that this one ends, or ""
}

// PagePurpose is one purpose on the page.
type PagePurpose struct {
	Name          string
	Category      string
	Allowed       bool
	Data          []string
	RetentionDays int
	Services      []PageService
}

// PageService is one service on the page.
type PageService struct {
	Name         string
	Allowed      bool
	Recipient    Recipient
	LifetimeDays int // in the browser; 0 for a session
}

// NewPage returns the page of r, whose notice is n; OpenNotice must have found n to be the one that r names.
func NewPage(r *Record, n *Notice) (*Page, error) {
	if err := n.Answers(r); err != nil {
		return nil, err
	}
	p := &Page{
		Locale: n.Locale, Site: r.Site, RecordID: r.ID.String(), Event: r.Event, At: time.UnixMilli(r.TimeMS).UTC(),
		Controller: n.Material.Controller, Rule: r.Jurisdiction, Signals: r.Signals, Wall: r.Wall, Notice: r.Notice,
	}
	if r.ExpiresMS > 0 {
		p.Expires = time.UnixMilli(r.ExpiresMS).UTC()
	}
	if r.Ends != (ID{}) {
		p.Ends = r.Ends.String()
	}
	for _, purpose := range n.Material.Purposes {
		p.Purposes = append(p.Purposes, PagePurpose{
			Name: n.textOf(purpose.ID), Category: purpose.Category,
			Allowed: slices.Contains(r.Categories.Granted, purpose.Category), Data: purpose.Data,
			RetentionDays: purpose.RetentionDays, Services: n.pageServices(r, purpose.ID),
		})
	}
	return p, nil
}

func (n *Notice) pageServices(r *Record, purpose string) []PageService {
	var list []PageService
	for _, s := range n.Material.Services {
		if !slices.Contains(s.Purposes, purpose) {
			continue
		}
		i := slices.IndexFunc(n.Material.Recipients, func(r Recipient) bool { return r.ID == s.Recipient })
		list = append(list, PageService{
			n.textOf(s.ID), slices.Contains(r.Services.Granted, s.ID), n.Material.Recipients[i], s.LifetimeDays,
		})
	}
	return list
}

// named returns the name of bytes by their SHA-256 (RFC 6920).
func named(sum Hash) string { return "ni:///sha-256;" + base64.RawURLEncoding.EncodeToString(sum[:]) }
