package notice

import (
	"strings"
	"time"

	"heed/consent/record"
)

// NoCountry stands for a country that the owner has not named (ISO 3166 leaves the code to its users).
const NoCountry = "ZZ"

// Self is the id of the recipient that is the controller itself, who runs Heed.
const Self = "controller"

// ownPrefix begins the id of each of Heed's own services, and of no other.
const ownPrefix = "heed-"

// IsOwn reports whether a service is a part of Heed. Such a part goes with its category and has no box of its own.
func IsOwn(service string) bool { return strings.HasPrefix(service, ownPrefix) }

// How long Heed keeps what is its own, in days.
const (
	visitorDays = 395                                              // a cookie
	recordDays  = int(record.MaxChoiceLife/(24*time.Hour)) + 5*366 // of an answer, until its root is old enough: pipeline/records, Expiry
)

// Features are what of Heed a site uses beyond page views and the owner's own events.
type Features struct {
	Engagement bool
	Forms      bool
}

// OwnPurposes returns what Heed itself is for on a site: what it collects, for how many days it is kept and in which
// countries. Owners declare what else their pages do.
func OwnPurposes(f Features, retentionDays int, countries []string) []record.Purpose {
	purpose := func(id, category string, days int, data ...string) record.Purpose {
		return record.Purpose{ID: id, Category: category, Data: data, RetentionDays: days, Locations: countries}
	}
	// The record of an answer outlives the answer by the years for which it may have to be proved.
	list := []record.Purpose{
		purpose("choice", "essential", recordDays, "answer", "browser", "country", "origin", "region", "time"),
		purpose("visits", "performance", retentionDays, "bot", "browser", "campaign", "country", "device", "network", "page",
			"referrer", "region", "system", "time", "visitor"),
		purpose("events", "performance", retentionDays, "name", "page", "properties", "time", "visitor"),
		purpose("adclicks", "advertising", retentionDays, "click", "page", "time"),
	}
	if f.Engagement {
		list = append(list, purpose("engagement", "performance", retentionDays, "duration", "page", "visitor"))
	}
	if f.Forms {
		list = append(list, purpose("forms", "performance", retentionDays, "form", "page", "time", "visitor"))
	}
	return list
}

// OwnServices returns what Heed itself is on a site: the three parts that a visitor can allow or not, each run by the
// controller (Self).
func OwnServices(f Features) []record.Service {
	statistics := []string{"events", "visits"}
	if f.Engagement {
		statistics = append(statistics, "engagement")
	}
	if f.Forms {
		statistics = append(statistics, "forms")
	}
	return []record.Service{
		{ID: "heed-choice", Category: "essential", Recipient: Self, Purposes: []string{"choice"}, LifetimeDays: longestChoice()},
		{ID: "heed-statistics", Category: "performance", Recipient: Self, Purposes: statistics, LifetimeDays: visitorDays},
		{ID: "heed-adclicks", Category: "advertising", Recipient: Self, Purposes: []string{"adclicks"}},
	}
}
