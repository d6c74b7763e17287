package enrich

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

const listFile = "../../node_modules/crawler-user-agents/crawler-user-agents.json"

type listed struct {
	Pattern   string   `json:"pattern"`
	Instances []string `json:"instances"`
}

func listedBots(t testing.TB) (entries []listed) {
	t.Helper()
	text, err := os.ReadFile(listFile)
	if err != nil {
		t.Fatalf("%v (npm ci brings it)", err)
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

// People's browsers match these patterns of the list, as generate/main.go says.
var unfit = map[string]bool{`AP3A\.240617\.008`: true, `MetaIAB Facebook`: true, `Fluid`: true, `Tumblr\/`: true}

func TestListedBotsAreMarked(t *testing.T) {
	n := 0
	for _, entry := range listedBots(t) {
		for _, ua := range entry.Instances {
			n++
			if got := readClient(Headers{UserAgent: ua}).Bot; (got == "") != unfit[entry.Pattern] {
				t.Errorf("Client(%q).Bot = %q, pattern %q is unfit: %v", ua, got, entry.Pattern, unfit[entry.Pattern])
			}
		}
	}
	if n < 2000 {
		t.Errorf("the list has %d user agents, want the 2,000 it is known for", n)
	}
}

// The pieces alone, without the words of agent.go and the parser, must find what the patterns find.
func TestPiecesFindWhatPatternsFind(t *testing.T) {
	for _, entry := range listedBots(t) {
		if unfit[entry.Pattern] || entry.Pattern == "Sogou" {
			continue
		}
		pattern := regexp.MustCompile(entry.Pattern)
		for _, ua := range entry.Instances {
			if pattern.MatchString(ua) && bots.reasonOf(ua) == "" {
				t.Errorf("reasonOf(%q) = none, pattern %q finds it", ua, entry.Pattern)
			}
		}
	}
}

func TestReasonOf(t *testing.T) {
	list := newBotList("# a comment\n[headless]\n^begin\nWord\nend$\none*two\n~inside\n[declared]\nsite check\n")
	f := func(ua, want string) {
		t.Helper()
		if got := list.reasonOf(ua); got != want {
			t.Errorf("reasonOf(%q) = %q, want %q", ua, got, want)
		}
	}
	f("beginning", BotHeadless)
	f("Word", BotHeadless)
	f("a Words", BotHeadless)
	f("(Word/1.0)", BotHeadless)
	f("the end", BotHeadless)
	f("one or two", BotHeadless)
	f("besinsides", BotHeadless)
	f("Word with site check", BotDeclared)

	f("", "")
	f("Wo", "")
	f("to begin", "")
	f("aWord", "")
	f("word", "")
	f("the end of it", "")
	f("two, then one", "")
	f("bend", "")
}

func TestBotFileIsSorted(t *testing.T) {
	for _, reason := range []string{BotDeclared, BotHTTPLibrary, BotHeadless} {
		if !strings.Contains(botText, "\n["+reason+"]\n") {
			t.Errorf("bots.gen.txt has no pieces for %q", reason)
		}
	}
	for _, p := range bots.pieces {
		if len(p.text) < gramBytes || stronger(p.reason, "") == "" {
			t.Errorf("piece %+v: want at least %d bytes and a known reason", p, gramBytes)
		}
	}
}

func FuzzReasonOf(f *testing.F) {
	for _, c := range clientCases(f) {
		f.Add(c.UserAgent)
	}
	for i, p := range bots.pieces {
		if i%50 == 0 {
			f.Add("x" + p.text + "/1.0 " + p.later)
		}
	}
	f.Fuzz(func(t *testing.T, ua string) {
		want := ""
		for i := range bots.pieces {
			if p := &bots.pieces[i]; foundSlowly(p, ua) {
				want = stronger(want, p.reason)
			}
		}
		if got := bots.reasonOf(ua); got != want {
			t.Errorf("reasonOf(%q) = %q, want %q", ua, got, want)
		}
	})
}

// foundSlowly looks for one piece everywhere.
func foundSlowly(p *piece, ua string) bool {
	if !strings.Contains(ua, p.text) {
		return false
	}
	for i := range ua {
		if p.isAt(ua, i) {
			return true
		}
	}
	return false
}

func BenchmarkReasonOf(b *testing.B) {
	ua := clientCases(b)[0].UserAgent
	b.SetBytes(int64(len(ua)))
	b.ReportAllocs()
	for b.Loop() {
		bots.reasonOf(ua)
	}
}

func BenchmarkNewBotList(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newBotList(botText)
	}
}
