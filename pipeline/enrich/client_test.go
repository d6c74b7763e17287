package enrich

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// clientCase is one entry of testdata/clients.json: headers as real clients send them, and what they mean.
type clientCase struct {
	Name       string `json:"name"`
	UserAgent  string `json:"user_agent"`
	CHUA       string `json:"ch_ua"`
	CHMobile   string `json:"ch_mobile"`
	CHPlatform string `json:"ch_platform"`
	Want       Client `json:"want"`
}

func (c clientCase) headers() Headers {
	return Headers{UserAgent: c.UserAgent, CHUA: c.CHUA, CHMobile: c.CHMobile, CHPlatform: c.CHPlatform}
}

// bots is made once: it is the costly part.
var bots = newBotList(botText)

// readClient is Enricher.Client without the memory.
func readClient(h Headers) Client {
	h.cut()
	return clientOf(&h, bots)
}

func clientCases(t testing.TB) []clientCase {
	t.Helper()
	text, err := os.ReadFile("testdata/clients.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []clientCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestClient(t *testing.T) {
	for _, c := range clientCases(t) {
		if got := readClient(c.headers()); got != c.Want {
			t.Errorf("%s: Client(%q) = %+v, want %+v", c.Name, c.UserAgent, got, c.Want)
		}
	}
}

func TestClientReadsAtMostAKilobyte(t *testing.T) {
	f := func(h Headers, want Client) {
		t.Helper()
		if got := readClient(h); got != want {
			t.Errorf("Client = %+v, want %+v", got, want)
		}
	}
	pad := strings.Repeat("x", maxHeaderBytes)
	f(Headers{UserAgent: pad + " Googlebot/2.1"}, Client{other, other, other, ""})
	f(Headers{UserAgent: "x", CHUA: pad + `, "Brave"`}, Client{other, other, other, ""})
	f(Headers{UserAgent: "\xff\xfe\x00(\xc3("}, Client{other, other, other, ""})
}

func TestNextBrand(t *testing.T) {
	f := func(list string, want ...string) {
		t.Helper()
		var got []string
		for rest := list; rest != ""; {
			var brand string
			brand, rest = nextBrand(rest)
			got = append(got, brand)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("brands of %q = %q, want %q", list, got, want)
		}
	}
	f(`"A"`, "A")
	f(`"A";v="1", "B";v="2"`, "A", "B")
	f(`"A;,B";v="1,2" , "C"`, "A;,B", "C")
	f(`"A";v="\",\"B", "C"`, "A", "C")
	f(`A, "B"`, "", "B")
	f(`"A`, "A")
	f(`,,"A"`, "", "", "A")
	f(`"A"\`, "A")
}

func TestHeadersStayOutOfLogs(t *testing.T) {
	const planted = "planted-value"
	h := Headers{UserAgent: planted, CHUA: planted, CHMobile: planted, CHPlatform: planted}
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("a request", "headers", h, "pointer", &h)
	fmt.Fprintf(&out, "%v %+v %s", h, h, &h)
	if strings.Contains(out.String(), planted) {
		t.Errorf("the log has the user agent: %s", out.String())
	}
}

// The words that may come out, for the fuzzer: whatever goes in, nothing else leaves.
func closedSets() map[string]bool {
	words := map[string]bool{other: true, desktop: true, mobile: true, tablet: true, tv: true, "": true}
	for _, word := range botOrder {
		words[word] = true
	}
	for _, table := range [][]family{early, late, systems} {
		for _, f := range table {
			words[f.name] = true
		}
	}
	for _, name := range parsed {
		words[name] = true
	}
	for _, b := range brands {
		words[b.name] = true
	}
	return words
}

func FuzzClient(f *testing.F) {
	for _, c := range clientCases(f) {
		f.Add(c.UserAgent, c.CHUA, c.CHMobile, c.CHPlatform, "cross-site", "cors", "empty", true)
	}
	f.Add("Mozilla/5.0 (compatible; Googlebot/2.1)", "", "", "", "none", "navigate", "document", false)
	known := closedSets()
	cache := newCache[Client]()
	f.Fuzz(func(t *testing.T, ua, brands, mobile, platform, site, mode, accept string, secure bool) {
		h := Headers{
			UserAgent: ua, CHUA: brands, CHMobile: mobile, CHPlatform: platform,
			SecFetchSite: site, SecFetchMode: mode, Accept: accept, Trustworthy: secure,
		}
		c := readClient(h)
		for _, word := range []string{c.Browser, c.OS, c.Device, c.Bot} {
			if !known[word] {
				t.Errorf("Client(%q) has %q, which is in no table", ua, word)
			}
		}
		if c.Browser == "" || c.OS == "" || c.Device == "" {
			t.Errorf("Client(%q) = %+v, want no field but Bot empty", ua, c)
		}
		remembering := clients{bots: bots, cache: cache, missed: func() {}}
		if first, second := remembering.get(&h), remembering.get(&h); first != c || second != c {
			t.Errorf("Client(%q) = %+v, then %+v, want %+v", ua, first, second, c)
		}
	})
}

func BenchmarkClientRead(b *testing.B) {
	cases := clientCases(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		readClient(cases[i%len(cases)].headers())
	}
}
