package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heed/consent"
	"heed/consent/notice"
	"heed/consent/record"
)

// declaration is what an owner says of a site beside Heed's own part of it. It stands in the site's notices.
type declaration struct {
	Controller record.Controller
	Policy     string
	Countries  []string // where data is kept; empty: the controller's
	Locales    []string // empty: all that Heed has texts in
	Purposes   []declaredPurpose
	Services   []declaredService
	Recipients []declaredRecipient
	Texts      []declaredText
	Style      notice.Style // bannerSettings; its Button may be noButton
}

// declared is where something that is declared stands in the file.
type declared struct {
	at   string // sites[0].services[1]
	line int
}

type declaredPurpose struct {
	declared
	record.Purpose
	Name string
}

type declaredService struct {
	declared
	record.Service
	Name string

	// What the wall knows it by; wallServiceSettings.
	Hosts  []string
	Marked bool
	Stores []string
}

type declaredRecipient struct {
	declared
	record.Recipient
}

// declaredText is one text in the place of Heed's.
type declaredText struct {
	declared
	locale, id, text string
}

// Limits of what stands in a notice, in bytes; those of package record.
const (
	maxLabelBytes = 128
	maxURLBytes   = 280
	maxTextBytes  = 8 << 10
)

// choiceSettings are those of a site's settings that say how choices are asked for and taken.
func choiceSettings(s *Site) []setting {
	d := &s.Declared
	return []setting{
		{
			name: "audience", value: eitherWord(&s.Children, "general", "children"), def: "general",
			help:  "Whom the site is for. Children are neither measured nor followed up, and not asked.",
			limit: "general or children",
		}, {
			name: "assume_place", value: placeValue(&s.AssumePlace),
			help:  "Where visitors are whose place is not known, as the owner asserts. Default: where the rules are strictest.",
			limit: "a country as DE, or a region of the United States or Canada as US-CA",
		}, {
			name: "unknown_after_grant", value: eitherWord(&s.UnknownAfterGrant, "deny", "allow"), def: "deny",
			help:  "Whether a yes to everything frees what nobody has declared, too, also where consent comes first.",
			limit: "deny or allow",
		}, {
			name: "record_shown", value: boolValue(&s.RecordShown), def: "false",
			help: "Keep a consent record, too, of each time that a notice is put on the screen.",
		}, {
			name: "controller.name", value: textValue(&d.Controller.Name, checkLabel),
			help: "Who is responsible for the site, as the notice says it. Default: the site's id and origin.", limit: "up to 128 bytes",
		}, {
			name: "controller.contact", value: textValue(&d.Controller.Contact, checkLabel),
			help: "Where visitors write to about their data. Default: the first origin.", limit: "an e-mail address or URL, up to 128 bytes",
		}, {
			name: "controller.country", value: textValue(&d.Controller.Country, checkCountry),
			help: "The controller's country.", limit: "ISO 3166-1, as DE",
		}, {
			name: "controller.officer", value: textValue(&d.Controller.Officer, checkLabel),
			help: "The data protection officer, or who else answers for it.", limit: "up to 128 bytes",
		}, {
			name: "policy", value: textValue(&d.Policy, checkURL),
			help: "The site's privacy policy.", limit: "a URL",
		}, {
			name: "data_countries", value: listValue(&d.Countries, checkCountry),
			help: "Where what Heed collects is kept. Default: the controller's country.", limit: "ISO 3166-1, as DE",
		}, {
			name: "locales", value: listValue(&d.Locales, checkLocale),
			help: "The languages of the notices; the first is for visitors who speak none of them. Default: all that there are, " +
				"which are " + strings.Join(notice.Locales(), ", ") + ". One that is not among them needs all texts.",
			limit: "BCP 47, as de or pt-BR",
		},
	}
}

// purposeSettings is the table of one of sites[].purposes.
func purposeSettings(p *declaredPurpose) []setting {
	return []setting{
		{name: "id", value: textValue(&p.ID, checkSlug), help: "Its name in records. Required.", limit: "1 to 64 of a-z, 0-9 and -"},
		{name: "name", value: textValue(&p.Name, checkLabel), help: "Its name in the notice, in every locale that has no text of this id. Default: the id.", limit: "up to 128 bytes"},
		{name: "category", value: categoryValue(&p.Category), help: "What must be allowed for it. Required.", limit: consent.All.String()},
		{name: "data", value: listValue(&p.Data, checkDataName), help: "What is collected for it.", limit: "names without spaces, as address"},
		{name: "retention_days", value: intValue(&p.RetentionDays, 0, maxDeclaredDays), help: "For how many days that is kept. Required.", limit: "0 to 14600"},
		{name: "locations", value: listValue(&p.Locations, checkCountry), help: "Where it is kept. Default: data_countries.", limit: "ISO 3166-1, as DE"},
	}
}

// serviceSettings is the table of one of sites[].services.
func serviceSettings(s *declaredService) []setting {
	return append([]setting{
		{name: "id", value: textValue(&s.ID, checkSlug), help: "Its name in records and for heed('consent', …). Required.", limit: "1 to 64 of a-z, 0-9 and -"},
		{name: "name", value: textValue(&s.Name, checkLabel), help: "Its name in the notice, in every locale that has no text of this id. Default: the id.", limit: "up to 128 bytes"},
		{name: "category", value: categoryValue(&s.Category), help: "What must be allowed for it. Required.", limit: consent.All.String()},
		{name: "purposes", value: listValue(&s.Purposes, checkSlug), help: "The ids of what it is for. Required.", limit: "ids of purposes of its category"},
		{name: "recipient", value: textValue(&s.Recipient, checkSlug), def: notice.Self, help: "The id of who runs it.", limit: "an id of recipients, or controller"},
		{name: "lifetime_days", value: intValue(&s.LifetimeDays, 0, maxDeclaredDays), def: "0", help: "For how many days the longest-lived thing stays that it stores in the browser; 0 for a session.", limit: "0 to 14600"},
	}, wallServiceSettings(s)...)
}

// recipientSettings is the table of one of sites[].recipients.
func recipientSettings(r *declaredRecipient) []setting {
	return []setting{
		{name: "id", value: textValue(&r.ID, checkSlug), help: "Its name in services. Required.", limit: "1 to 64 of a-z, 0-9 and -"},
		{name: "name", value: textValue(&r.Name, checkLabel), help: "Who it is. Required.", limit: "up to 128 bytes"},
		{name: "country", value: textValue(&r.Country, checkCountry), help: "Where it is. Required.", limit: "ISO 3166-1, as US"},
		{name: "policy", value: textValue(&r.Policy, checkURL), help: "Its privacy policy.", limit: "a URL"},
	}
}

// maxDeclaredDays is 40 years, the limit of package record.
const maxDeclaredDays = 40 * 365

// takenIDs are those that mean something of Heed's in a notice.
func takenIDs() []string { return append(notice.TextIDs(), "title", "body") }

// eitherWord is a setting of two words; p is true for the second.
func eitherWord(p *bool, no, yes string) value {
	set := func(text string) error {
		if text != no && text != yes {
			return complain("write "+no+" or "+yes, "%q is not allowed", text)
		}
		*p = text == yes
		return nil
	}
	return value{kind: no + "|" + yes, set: set, get: func() string { return either(*p, yes, no) }}
}

func placeValue(p *consent.Place) value {
	set := func(text string) error {
		place, err := consent.ParsePlace(text)
		if err != nil {
			return complain("write a country as DE, or a region of the United States or Canada as US-CA", "%v", err)
		}
		if err := checkCountry(place.Country); err != nil {
			return err
		}
		*p = place
		return nil
	}
	return value{kind: "place", set: set, get: func() string { return consent.PlaceCode(*p) }}
}

func categoryValue(p *string) value {
	return textValue(p, func(text string) error {
		if _, err := consent.ParseCategories(text); err != nil || strings.Contains(text, ",") {
			return complain("write one of "+strings.ReplaceAll(consent.All.String(), ",", ", "), "%q is no category", text)
		}
		return nil
	})
}

// checkLabel takes a name that people read in one line.
func checkLabel(text string) error {
	if text == "" || len(text) > maxLabelBytes || strings.ContainsFunc(text, isControl) {
		return complain("write one line of up to 128 bytes", "it is empty, too long or has more lines")
	}
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(text) > maxURLBytes || strings.ContainsFunc(text, isControl) {
		return complain("write it with its scheme, as https://www.example.com/privacy, in up to 280 bytes", "%q is no URL of a page", text)
	}
	return nil
}

var dataNameForm = regexp.MustCompile(`^[\p{L}\p{N}._-]{1,64}$`)

func checkDataName(text string) error {
	if !dataNameForm.MatchString(text) || len(text) > 64 {
		return complain("use letters, digits, ., _ and -, up to 64 bytes", "%q is no name of a kind of data", text)
	}
	return nil
}

var localeForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$`)

func checkLocale(text string) error {
	if !localeForm.MatchString(text) {
		return complain("write one as de, pt-BR or zh-Hant", "%q is no locale", text)
	}
	return nil
}

func checkCountry(text string) error {
	if !slices.Contains(strings.Fields(countries), text) {
		return complain("write its two letters of ISO 3166-1, as DE; the United Kingdom is GB", "%q is no country", text)
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }

// countries are the codes of ISO 3166-1.
const countries = `
	AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
	CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
	GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
	KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
	NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN
	SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
	ZA ZM ZW`
