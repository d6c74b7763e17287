package evidence

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heed/consent"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkRows(t *testing.T, rows []Row, err error, want ...string) {
	t.Helper()
	var got []string
	for _, row := range rows {
		got = append(got, strings.ReplaceAll(row.Line(), "\t", "|"))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("rows are %q, %v, want %q", got, err, want)
	}
}

const ocdColumns = "Platform,Category,Cookie / Data Key name,Domain,Description,Retention period,Data Controller,Wildcard match\n"

func TestReadOCD(t *testing.T) {
	rows, err := ReadOCD(write(t, "\ufeff"+ocdColumns+
		"Shop,Functional,cart,,Keeps the cart,session,Shop Ltd,0\n"+
		"Shop,Functional,seen_,.shop.example (3rd party) or .b.example,Tracks visits,13 months,,1\n"+
		"Ads,Marketing,\"pagead/conv/%INTEGER%\",x.example,,Unlimited,Ads Ltd,0\n"))
	checkRows(t, rows, err,
		"cart|any||Shop Ltd|Shop|session|essential||ocd",
		"seen_*|any|shop.example b.example|Shop|Shop|390d|essential|performance|ocd",
		"pagead/conv/*|any|x.example|Ads Ltd|Ads||advertising||ocd")
}

func TestReadOCDFailure(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := ReadOCD(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadOCD(%q) = %v, want an error with %q", text, err, want)
		}
	}
	f("Platform\nx\n", "no column")
	f(ocdColumns+"Shop,Fun,x,,,,,0\n", `category "Fun" is new`)
	f(ocdColumns+"Shop\n", "wrong number of fields")
	f("", "read")
}

func TestReadTCF(t *testing.T) {
	rows, err := ReadTCF(write(t, "identifier,type,domains,max_age_seconds,tcf_purposes,opt_out,disclosed_by\n"+
		"uid,cookie,,7776001,1 2 7,0,cdn.vendor.example\n"+
		"vol_{id},web,,60,1 5 6,0,cdn.vendor.example\n"+
		"stat,cookie,,0,1 8 9,0,cdn.jsdelivr.net\n"+
		"off,cookie,,60,1,1,www.gstatic.com\n"+
		"mute,web,,,1,0,vendor.example\n"))
	checkRows(t, rows, err,
		"uid|cookie||vendor.example||90d|advertising||tcf",
		"vol_*|web||vendor.example|||functional||tcf",
		"stat|cookie||cdn.jsdelivr.net||session|performance||tcf",
		"off|cookie||Google||1m|essential||tcf",
		"mute|web||vendor.example|||||tcf")
}

func TestHint(t *testing.T) {
	f := func(description string, want consent.Categories) {
		t.Helper()
		if got := hint(description); got != want {
			t.Errorf("hint(%q) = %v, want %v", description, got, want)
		}
	}
	f("Stores the consent for marketing cookies", 0)
	f("Keeps requests on one server", 0)
	f("Remembers the language", consent.Functional)
	f("Counts the number of visits", consent.Performance)
	f("Measures conversion of campaigns", consent.Advertising)
}

func TestJoinNamesCompanies(t *testing.T) {
	rows := Join([]Row{
		{Pattern: "b", Owner: "vendor.example", Source: "tcf"},
		{Pattern: "a", Owner: "Vendor Ltd", Domains: []string{"x.vendor.example"}, Source: "ocd"},
		{Pattern: "a", Owner: "Vendor Ltd", Domains: []string{"x.vendor.example"}, Source: "ocd"},
		{Pattern: "c", Owner: "Facebook", Source: "ocd"},
	})
	checkRows(t, rows, nil, "a||x.vendor.example|Vendor Ltd|||||ocd", "b|||Vendor Ltd|||||tcf", "c|||Meta|||||ocd")
}
