package record

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"heed/consent"
)

// Receipt is the visitor's copy of a record, in the structure of ISO/IEC TS 27560:2023 as the W3C's Data Privacy
// Vocabularies group writes it in JSON-LD (guide "consent-27560", vocabulary DPV 2). It tells nothing that the record and
// its notice do not.
type Receipt struct {
	Context    map[string]any `json:"@context"`
	ID         string         `json:"@id"`
	Type       string         `json:"@type"`
	Identifier string         `json:"dct:identifier"`
	ConformsTo string         `json:"dct:conformsTo"`
	Created    Time           `json:"dct:created"`
	Publisher  Party          `json:"dct:publisher"`
	Recipient  string         `json:"schema:recipient"`
	Record     ReceiptRecord  `json:"dpv:hasRecordOfActivity"`
}

// ReceiptRecord is the record within a receipt.
type ReceiptRecord struct {
	ID           string        `json:"@id"`
	Type         string        `json:"@type"`
	Identifier   string        `json:"dct:identifier"`
	ConformsTo   string        `json:"dct:conformsTo"`
	Replaces     string        `json:"dct:replaces,omitempty"`
	Subject      Node          `json:"dpv:hasDataSubject"`
	Controller   Party         `json:"dpv:hasDataController"`
	Jurisdiction string        `json:"dpv:hasJurisdiction"`
	Notice       ReceiptNotice `json:"dpv:hasNotice"`
	Processes    []Process     `json:"dpv:hasProcess"`
	Control      Control       `json:"dpv:hasConsentControl"`
	Status       []Status      `json:"dpv:hasConsentStatus"`
}

// Time is a date and time, UTC.
type Time struct {
	Type  string `json:"@type"`
	Value string `json:"@value"` // RFC 3339
}

// Node is something that has no more than an id, where it has one, and a type.
type Node struct {
	ID   string `json:"@id,omitempty"`
	Type string `json:"@type"`
}

// Party is a controller or a recipient.
type Party struct {
	Type    string `json:"@type"`
	Name    string `json:"dpv:hasName"`
	Contact string `json:"dpv:hasContact,omitempty"`
	Country string `json:"dpv:hasLocation"`
	Policy  string `json:"dpv:hasPolicy,omitempty"`
}

// ReceiptNotice names the archived notice; its id holds shown_hash (RFC 6920).
type ReceiptNotice struct {
	ID       string `json:"@id"`
	Type     string `json:"@type"`
	Language string `json:"dct:language"`
	Version  string `json:"dct:hasVersion"`
}

// Process is one purpose: what for, with which data, by whom, for how long, and whether it is allowed.
type Process struct {
	Type       string   `json:"@type"`
	Title      string   `json:"dct:title"`
	Purpose    string   `json:"dpv:hasPurpose"`
	LegalBasis string   `json:"dpv:hasLegalBasis,omitempty"`
	Data       []string `json:"dpv:hasPersonalData"`
	Services   []string `json:"dpv:hasService"` // those allowed
	Recipients []Party  `json:"dpv:hasRecipient"`
	Storage    []Store  `json:"dpv:hasStorageCondition"`
	Status     string   `json:"dpv:hasConsentStatus,omitempty"` // absent where no consent is needed
}

// Store is where data is kept, or for how long.
type Store struct {
	Type      string   `json:"@type"`
	Locations []string `json:"dpv:hasLocation,omitempty"`
	Duration  string   `json:"dpv:hasDuration,omitempty"` // ISO 8601
}

// Control is where the visitor can think again.
type Control struct {
	Types []string `json:"@type"`
	At    string   `json:"dpv:isExercisedAt"` // URL
}

// Status is one thing that was said, by whom, how and when.
type Status struct {
	Types  []string `json:"@type"`
	By     string   `json:"dpv:isIndicatedBy"`
	Method string   `json:"dpv:hasIndicationMethod"`
	At     Time     `json:"dpv:isIndicatedAtTime"`
	Valid  *Time    `json:"dct:valid,omitempty"` // until when it holds by itself
}

// What a receipt and its record conform to, and the names that they use.
const (
	receiptSchema = "https://w3id.org/dpv/schema/dpv-27560#receipt"
	recordSchema  = "https://w3id.org/dpv/schema/dpv-27560#record"
)

// receiptContext returns the prefixes of a receipt and which of its texts are names of things. It needs no document from
// elsewhere to be read.
func receiptContext() map[string]any {
	context := map[string]any{
		"dct":    "http://purl.org/dc/terms/",
		"dpv":    "https://w3id.org/dpv#",
		"loc":    "https://w3id.org/dpv/loc#",
		"schema": "https://schema.org/",
		"xsd":    "http://www.w3.org/2001/XMLSchema#",
	}
	for _, property := range []string{
		"dct:conformsTo", "dct:replaces", "dpv:hasConsentStatus", "dpv:hasLegalBasis", "dpv:hasLocation", "dpv:hasPolicy",
		"dpv:hasPurpose", "dpv:isExercisedAt", "dpv:isIndicatedBy", "schema:recipient",
	} {
		context[property] = map[string]string{"@type": "@id"}
	}
	return context
}

// NewReceipt returns the receipt of r, whose notice is n; OpenNotice must have found n to be the one that r names.
// choices is the URL where the visitor can choose again. The same record and notice give the same receipt.
func NewReceipt(r *Record, n *Notice, choices string) (*Receipt, error) {
	granted, err := r.Categories.categories()
	if err != nil {
		return nil, fmt.Errorf("receipt: categories: %w", err)
	}
	if err := n.Answers(r); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	controller := Party{"dpv:DataController", n.Material.Controller.Name, n.Material.Controller.Contact,
		country(n.Material.Controller.Country), ""}
	record := ReceiptRecord{
		ID: urn(r.ID), Type: "dpv:ConsentRecord", Identifier: r.ID.String(), ConformsTo: recordSchema,
		Subject: Node{Type: "dpv:DataSubject"}, Controller: controller, Jurisdiction: r.Jurisdiction,
		Notice:    ReceiptNotice{named(r.Notice.Shown), "dpv:ConsentNotice", n.Locale, n.Edition},
		Processes: processesOf(r, n, granted),
		Control:   Control{[]string{"dpv:ProvideConsent", "dpv:WithdrawConsent"}, choices},
		Status:    []Status{statusOf(r)},
	}
	if r.grants() {
		record.Subject.ID = urn(r.ID) + "#subject" // the consent id: the only name that we have for this person
	}
	if r.Ends != (ID{}) {
		record.Replaces = urn(r.Ends)
	}
	return &Receipt{
		Context: receiptContext(), ID: urn(r.ID) + "#receipt", Type: "dpv:ConsentReceipt",
		Identifier: "receipt-" + r.ID.String(), ConformsTo: receiptSchema, Created: at(r.TimeMS),
		Publisher: controller, Recipient: "dpv:DataSubject", Record: record,
	}, nil
}

// Encode returns the canonical JSON-LD of the receipt.
func (r *Receipt) Encode() ([]byte, error) { return canonical(r) }

// categoryPurposes holds DPV's purpose of each category.
var categoryPurposes = map[string]string{
	"essential":   "dpv:ServiceProvision",
	"functional":  "dpv:ServicePersonalisation",
	"performance": "dpv:ServiceUsageAnalytics",
	"advertising": "dpv:Advertising",
}

func processesOf(r *Record, n *Notice, granted consent.Categories) []Process {
	list := make([]Process, 0, len(n.Material.Purposes))
	for _, purpose := range n.Material.Purposes {
		p := Process{
			Type: "dpv:Process", Title: n.textOf(purpose.ID), Purpose: categoryPurposes[purpose.Category],
			Data: purpose.Data, Services: []string{}, Recipients: n.recipientsOf(purpose.ID),
			Storage: []Store{
				{Type: "dpv:StorageLocation", Locations: each(purpose.Locations, country)},
				{Type: "dpv:StorageDuration", Duration: fmt.Sprintf("P%dD", purpose.RetentionDays)},
			},
		}
		for _, s := range n.Material.Services {
			if slices.Contains(s.Purposes, purpose.ID) && slices.Contains(r.Services.Granted, s.ID) {
				p.Services = append(p.Services, n.textOf(s.ID))
			}
		}
		if category, err := consent.ParseCategories(purpose.Category); err == nil && category != consent.Essential {
			p.Status = r.statusFor(granted.Has(category))
		}
		if p.Status == "dpv:ConsentGiven" {
			p.LegalBasis = "dpv:Consent"
		}
		list = append(list, p)
	}
	return list
}

// statusFor returns DPV's status of a category after r, or "" where silence allows it, which is no consent.
func (r *Record) statusFor(granted bool) string {
	switch {
	case r.Event == Shown || r.Event == Reprompt:
		return "dpv:ConsentRequested"
	case r.Event == Expired:
		return "dpv:ConsentExpired"
	case granted && (r.OptOut || r.Event == GPC || r.Event == DNT):
		return ""
	case granted:
		return "dpv:ConsentGiven"
	case r.Event == Withdrawn:
		return "dpv:ConsentWithdrawn"
	}
	return "dpv:ConsentRefused"
}

// statusOf returns the status of the record as a whole.
func statusOf(r *Record) Status {
	types := []string{r.statusFor(r.grants() && r.Event != Withdrawn)}
	if types[0] == "dpv:ConsentGiven" && r.Method == ByButton {
		types = append(types, "dpv:ExpressedConsent")
	}
	s := Status{Types: types, By: "dpv:DataSubject", Method: string(r.Method), At: at(r.TimeMS)}
	if r.Control != "" {
		s.Method += ":" + r.Control
	}
	if r.Method == ByItself {
		s.By = "dpv:DataController"
	}
	if r.ExpiresMS > 0 {
		until := at(r.ExpiresMS)
		s.Valid = &until
	}
	return s
}

// textOf returns the notice's text of an id, or the id.
func (n *Notice) textOf(id string) string {
	for _, text := range n.Look.Texts {
		if text.ID == id {
			return text.Text
		}
	}
	return id
}

// recipientsOf returns who gets data for a purpose, each once, in the order of their ids.
func (n *Notice) recipientsOf(purpose string) []Party {
	list := []Party{}
	for _, r := range n.Material.Recipients {
		serves := func(s Service) bool { return s.Recipient == r.ID && slices.Contains(s.Purposes, purpose) }
		if slices.ContainsFunc(n.Material.Services, serves) {
			list = append(list, Party{"dpv:Recipient", r.Name, "", country(r.Country), r.Policy})
		}
	}
	return list
}

func at(ms int64) Time {
	return Time{"xsd:dateTime", time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")}
}

func country(code string) string { return "loc:" + code }

// urn returns the name of a record that holds everywhere (RFC 9562).
func urn(id ID) string {
	h := hex.EncodeToString(id[:])
	return fmt.Sprintf("urn:uuid:%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, entry := range list {
		out[i] = f(entry)
	}
	return out
}
