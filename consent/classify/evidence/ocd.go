package evidence

import (
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"heed/consent"
	"heed/consent/classify"
)

// ReadOCD reads the Open Cookie Database. Its "Functional" means what we call essential.
func ReadOCD(path string) ([]Row, error) {
	records, err := readCSV(path, "Platform", "Category", "Cookie / Data Key name", "Domain", "Description",
		"Retention period", "Data Controller", "Wildcard match")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, c := range records {
		says, err := ocdClass(c[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, c[2], err)
		}
		row := Row{
			Pattern: pattern(c[2], c[7] == "1"), Kinds: "any", Domains: domains(c[3]), Service: plain(c[0]),
			Lifetime: retention(c[5]), Says: says, Source: "ocd",
		}
		row.Owner = ownerName(plain(c[6]), row.Service)
		if says == consent.Essential {
			row.Hint = hint(c[4])
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func ocdClass(category string) (consent.Categories, error) {
	switch category {
	case "Functional", "Security", "Necessary":
		return consent.Essential, nil
	case "Personalization":
		return consent.Functional, nil
	case "Analytics":
		return consent.Performance, nil
	case "Marketing":
		return consent.Advertising, nil
	}
	return 0, fmt.Errorf("category %q is new; say in ocdClass what it means", category)
}

// What a description must speak of before a name that a source calls necessary is suspected of more. A choice about
// cookies is about advertising without being it, so those come first.
var (
	aboutChoice = regexp.MustCompile(`(?i)consent|cookie (pref|notice|banner|polic|categor)|privacy|opt(ed)?.?(out|in)\b|gdpr|ccpa|csrf|forgery`)
	aboutAds    = regexp.MustCompile(`(?i)\badvert|\bads?\b|retarget|remarket|marketing|affiliate|conversion|third.part(y|ies) track`)
	aboutUse    = regexp.MustCompile(`(?i)analytic|statist|metric|\btrack|measur|experiment|split.?test|a/b|multivariate|number of (visit|session|page)|page view|survey|telemetry|unique(ly)? (user|visitor|id)|anonymous id|sampl(ed|ing)|(last|previous) visit`)
	aboutChoose = regexp.MustCompile(`(?i)prefer|languag|locale|currenc|chat|video|player|theme|font|recently|wish|compar|screen|window|personal|remember|dismiss|notification|widget|embed|plugin|plug-in|search|\bmap\b|social|share|timezone|time zone|display|layout|hide|collapsed|review`)
)

// hint is the strictest class that a description of something "necessary" lets one suspect.
func hint(description string) consent.Categories {
	switch {
	case aboutChoice.MatchString(description):
		return 0
	case aboutAds.MatchString(description):
		return consent.Advertising
	case aboutUse.MatchString(description):
		return consent.Performance
	case aboutChoose.MatchString(description):
		return consent.Functional
	}
	return 0
}

var (
	placeholder = regexp.MustCompile(`%[A-Z]+%|\$?[{(<][A-Za-z_]+[})>]|NNN$|N$|X{3,}|\[(cuid|idfa|0)\]`)
	retentions  = regexp.MustCompile(`(?i)^(\d+)\s*(second|sec|min|minute|hour|day|week|month|year)s?\b`)
)

// pattern writes a source's name with our sign for any text. What marks a place to fill in becomes that sign.
func pattern(name string, prefix bool) string {
	name = plain(name)
	if strings.HasPrefix(name, "barometric[") || strings.HasPrefix(name, "pvc_visits[") {
		return name // here the brackets are the name
	}
	if name != "pollN" && !strings.Contains(name, "NNN") && !strings.ContainsAny(name, "%{<(") && !strings.Contains(name, "XXX") {
		if prefix && !strings.HasSuffix(name, "*") {
			return name + "*"
		}
		return name
	}
	return placeholder.ReplaceAllString(name, "*")
}

// plain drops what would break a line, and the signs that sources left at the ends of names.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xad || r == 0x200b {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

var domainName = regexp.MustCompile(`[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}`)

// domains finds the hosts in text such as ".bing.com (3rd party) or .microsoft.com".
func domains(text string) []string {
	if strings.Contains(text, "[") {
		text = text[strings.Index(text, "]")+1:] // ads-[account].adhese.com
	}
	text = strings.ReplaceAll(strings.ToLower(plain(text)), "office.comm", "office.com") // a slip of the source
	return domainName.FindAllString(text, -1)
}

// retention reads "13 months" and "End of session"; what it cannot read is unknown.
func retention(text string) time.Duration {
	text = plain(text)
	if strings.Contains(strings.ToLower(text), "session") {
		return classify.Session
	}
	m := retentions.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	count, err := strconv.Atoi(m[1])
	if err != nil || count > 100_000 {
		return 0
	}
	const day = 24 * time.Hour
	unit := map[string]time.Duration{
		"second": time.Second, "sec": time.Second, "min": time.Minute, "minute": time.Minute, "hour": time.Hour,
		"day": day, "week": 7 * day, "month": 30 * day, "year": 365 * day,
	}[strings.ToLower(m[2])]
	return min(time.Duration(count)*unit, 100*365*day)
}

// readCSV returns the named columns of every record.
func readCSV(path string, columns ...string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) == 0 {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	places := map[string]int{}
	for i, name := range records[0] {
		places[strings.TrimPrefix(name, "\ufeff")] = i
	}
	out := make([][]string, len(records)-1)
	for i, record := range records[1:] {
		for _, name := range columns {
			place, ok := places[name]
			if !ok {
				return nil, fmt.Errorf("%s has no column %q", path, name)
			}
			out[i] = append(out[i], record[place])
		}
	}
	return out, nil
}
