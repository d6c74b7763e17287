package enrich

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestBot(t *testing.T) {
	person := Client{Browser: chrome, OS: windows, Device: desktop}
	f := func(in BotInput, want string) {
		t.Helper()
		if got := Bot(in); got != want {
			t.Errorf("Bot(%+v) = %q, want %q", in, got, want)
		}
	}
	f(BotInput{}, "")
	f(BotInput{Client: person, Place: Place{Country: "DE", Network: 3320}, ReferrerHost: "www.google.com"}, "")
	f(BotInput{Client: person, Webdriver: true}, BotWebdriver)
	f(BotInput{Client: person, ReferrerHost: "semalt.com"}, BotReferrerSpam)
	f(BotInput{Client: person, ReferrerHost: "x.semalt.semalt.com"}, BotReferrerSpam)
	f(BotInput{Client: person, Place: Place{Network: 24940}}, BotHosting)

	// Not below a listed host, and no network.
	f(BotInput{Client: person, ReferrerHost: "notsemalt.com"}, "")
	f(BotInput{Client: person, ReferrerHost: "semalt.com.example"}, "")
	f(BotInput{Client: Client{Browser: silk}, Place: Place{Network: 16509}}, "") // it may ask through Amazon's machines
	f(BotInput{Client: person, Place: Place{Network: 13335}}, "")                // Cloudflare: relays for people

	// The strongest wins.
	all := BotInput{Client: person, Place: Place{Network: 24940}, Webdriver: true, ReferrerHost: "semalt.com"}
	f(all, BotWebdriver)
	all.Client.Bot = BotMissingHeaders
	f(all, BotWebdriver)
	all.Client.Bot = BotDeclared
	f(all, BotDeclared)
	all.Webdriver, all.Client.Bot = false, BotMissingHeaders
	f(all, BotReferrerSpam)
	all.ReferrerHost = ""
	f(all, BotMissingHeaders)
}

func TestStronger(t *testing.T) {
	for i, strong := range botOrder {
		for _, weak := range append(botOrder[i:], "") {
			if a, b := stronger(strong, weak), stronger(weak, strong); a != strong || b != strong {
				t.Errorf("stronger(%q, %q) = %q, the other way round %q, want %[1]q", strong, weak, a, b)
			}
		}
	}
}

// The documentation has a row for each reason, in their order.
func TestReasonsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(doc)
	for _, reason := range botOrder {
		_, after, found := strings.Cut(rest, "\n| `"+reason+"` |")
		if !found {
			t.Fatalf("README.md has no row for %q behind the row before it", reason)
		}
		rest = after
	}
}

// Numbers change hands: the installed data must name the owner that the table names.
func TestHostingNetworksHaveTheirOwners(t *testing.T) {
	file, err := os.Open("../../node_modules/@ip-location-db/asn/asn-ipv4.csv")
	if err != nil {
		t.Fatalf("%v (npm ci brings it)", err)
	}
	defer file.Close()
	owners := make(map[uint32]string)
	rows := csv.NewReader(file)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		number, _ := strconv.ParseUint(row[2], 10, 32)
		if hosting[uint32(number)] != "" {
			owners[uint32(number)] = strings.Clone(row[3])
		}
	}
	for number, want := range hosting {
		if got := owners[number]; !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("network %d belongs to %q, want %q in the name", number, got, want)
		}
	}
}

func TestSpammersAreHosts(t *testing.T) {
	for host := range spammers {
		if cleanHost(host) != host || !strings.Contains(host, ".") {
			t.Errorf("%q in the list is not a host as ReferrerHost returns it", host)
		}
	}
}

func TestBotAllocations(t *testing.T) {
	in := BotInput{Place: Place{Network: 3320}, ReferrerHost: "www.news.example.com"}
	if got := testing.AllocsPerRun(1000, func() { Bot(in) }); got > 0 {
		t.Errorf("Bot: %v allocations, want none", got)
	}
}

func FuzzBot(f *testing.F) {
	f.Add("declared", "semalt.com", uint32(24940), true)
	f.Add("", ".", uint32(0), false)
	known := closedSets()
	f.Fuzz(func(t *testing.T, reason, referrer string, network uint32, webdriver bool) {
		if !known[reason] {
			reason = ""
		}
		in := BotInput{Client: Client{Bot: reason}, Place: Place{Network: network}, Webdriver: webdriver, ReferrerHost: referrer}
		got := Bot(in)
		if stronger(got, reason) != got || webdriver && stronger(got, BotWebdriver) != got {
			t.Errorf("Bot(%+v) = %q, want none weaker than what went in", in, got)
		}
	})
}

func BenchmarkBot(b *testing.B) {
	in := BotInput{Client: Client{Browser: chrome}, Place: Place{Network: 3320}, ReferrerHost: "www.google.com"}
	b.ReportAllocs()
	for b.Loop() {
		Bot(in)
	}
}
