package evidence

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"heed/consent"
	"heed/consent/classify"
)

// ReadTCF reads vendors' device-storage disclosures. Their vendors' names are not in it, only the host that disclosed.
func ReadTCF(path string) ([]Row, error) {
	records, err := readCSV(path, "identifier", "type", "domains", "max_age_seconds", "tcf_purposes", "opt_out", "disclosed_by")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range records {
		row := Row{
			Pattern: pattern(c[0], false), Kinds: c[1], Domains: strings.Fields(c[2]), Owner: discloser(c[6]),
			Says: purposes(c[4], c[5] == "1"), Source: "tcf",
		}
		if seconds, err := strconv.Atoi(c[3]); err == nil && seconds >= 0 && c[1] == "cookie" {
			row.Lifetime = wholeUnits(seconds)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// wholeUnits keeps what a written lifetime can hold: days above a day. 0 seconds is a session cookie.
func wholeUnits(seconds int) time.Duration {
	const day = 24 * time.Hour
	lifetime := time.Duration(min(seconds, 100*365*86400)) * time.Second
	switch {
	case seconds == 0:
		return classify.Session
	case lifetime > day:
		return lifetime.Truncate(day)
	}
	return lifetime
}

// purposes maps TCF purposes. Purpose 1, storing as such, says nothing; an opt-out has to outlive what it refuses.
func purposes(list string, optOut bool) consent.Categories {
	var has [12]bool
	for _, text := range strings.Fields(list) {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(has) {
			has[n] = true
		}
	}
	content := has[5] || has[6] || has[11]
	switch {
	case optOut:
		return consent.Essential
	case has[2] || has[3] || has[4] || has[7] || has[10] || has[9] && content:
		return consent.Advertising
	case has[8] || has[9]:
		return consent.Performance
	case content:
		return consent.Functional
	}
	return 0
}

// discloser is the company behind a disclosing host: its registrable domain, which Merge turns into a name where a fact
// of another source has that domain. Hosts that many companies share name nobody.
func discloser(host string) string {
	switch host {
	case "cdn.jsdelivr.net", "s3.amazonaws.com", "storage.cloud.kargo.com":
		return host
	case "www.gstatic.com":
		return "Google"
	case "m.media-amazon.com":
		return "Amazon"
	case "privacy.criteo.com":
		return "Criteo"
	}
	site, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return site
}
