package collector_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"heed/collector"
	"heed/consent"
	locales "heed/consent/notice"
	"heed/consent/record"
)

// receiptRecord is a partial grant that ends another one.
func receiptRecord() *record.Record {
	at := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC).UnixMilli()
	return &record.Record{
		Version: 1, ID: record.ID{6: 0x70, 8: 0x80, 15: 9}, Ends: record.ID{6: 0x70, 8: 0x80, 15: 1}, Site: "shop",
		Event: record.Withdrawn, Method: record.ByButton, Control: "save", TimeMS: at, ExpiresMS: at + 86_400_000,
		Place: record.Place{Source: record.NotKnown}, Jurisdiction: "strictest", MatrixVersion: consent.MatrixVersion,
		Signals: record.Signals{SecGPC: true}, Categories: record.CategoryState(consent.Essential | consent.Performance),
		Services: record.State{Granted: []string{"counter"}, Denied: []string{"ads"}},
		Wall:     record.WallSealed, Notice: shopNotices[1].Ref, Origin: siteOrigin,
	}
}

// serveReceipts serves one record; id 0 fails and every other has no record.
func serveReceipts(t *testing.T) *edge {
	r := receiptRecord()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	return start(t, collector.Config{Receipts: func(ctx context.Context, site, id string) (*record.Record, *record.Notice, error) {
		if _, bounded := ctx.Deadline(); !bounded || site != "shop" {
			t.Errorf("receipt of %q, bounded %t, want shop with a deadline", site, bounded)
		}
		switch id {
		case r.ID.String():
			return r, shopNotices[1].Notice, nil
		case strings.Repeat("0", 32):
			return nil, nil, errors.New("the store is away")
		}
		return nil, nil, collector.ErrNoReceipt
	}})
}

func TestReceiptIsAPageForItsVisitorAlone(t *testing.T) {
	e := serveReceipts(t)
	a := e.get("/h/k1/receipt/" + receiptRecord().ID.String())
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("receipt = %d %v %s, want a page", a.status, a.header, a.body)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	_, style, _ := strings.Cut(a.body, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if policy := a.header.Get("Content-Security-Policy"); policy != want {
		t.Errorf("Content-Security-Policy = %q, want %q: our style and nothing else", policy, want)
	}
	words := receiptTexts(t, "de") // as its notice
	for _, want := range []string{
		`<html lang="de" dir="ltr">`, words["title"], words["event.withdraw"], words["wall.sealed"], words["kept"] + "</dt><dd>1</dd>",
		words["refused"] + "; " + words["provider"], "2026-11-22, 17:00 UTC", "2026-11-23, ", "<bdi>Shop Ltd</bdi> (IE)",
		"Global Privacy Control", "Counting &lt;visits&gt;", "Our counter", "Ad Co", receiptRecord().ID.String(),
		receiptRecord().Ends.String(), `href="https://shop.example/"`, receiptRecord().ID.String() + ".json",
		"../" + shopNotices[1].Ref.Shown.String()[:32] + ".json", `lang="de"`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, never := range []string{"<script", "<visits>", "http-equiv=\"refresh\"", "ZgotmplZ"} {
		if strings.Contains(a.body, never) {
			t.Errorf("the page has %q in it", never)
		}
	}
	if _, err := html.Parse(strings.NewReader(a.body)); err != nil {
		t.Error(err)
	}
}

// receiptTexts returns what receipts say in a language.
func receiptTexts(t *testing.T, locale string) (texts map[string]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("receipts", locale+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatalf("receipts/%s.json: %v", locale, err)
	}
	return texts
}

// Receipts speak every language that notices do, and none has a text more or less than another.
func TestReceiptTextsAreComplete(t *testing.T) {
	english := receiptTexts(t, "en")
	files, err := filepath.Glob(filepath.Join("receipts", "*.json"))
	if err != nil || len(files) != len(locales.Locales()) {
		t.Errorf("%d languages of receipts, %v; want those of notices, %d", len(files), err, len(locales.Locales()))
	}
	for _, locale := range locales.Locales() {
		texts := receiptTexts(t, locale)
		if len(texts) != len(english) {
			t.Errorf("receipts/%s.json has %d texts, want %d", locale, len(texts), len(english))
		}
		for id := range english {
			if text := texts[id]; strings.TrimSpace(text) != text || text == "" || strings.ContainsAny(text, "<>{}") {
				t.Errorf("receipts/%s.json: %s is %q, want plain words", locale, id, text)
			}
		}
	}
	for _, event := range []record.Event{record.Shown, record.Accepted, record.Rejected, record.Chosen, record.Withdrawn, record.GPC, record.DNT,
		record.Expired, record.Reprompt, record.Migrated} {
		if english["event."+string(event)] == "" {
			t.Errorf("receipts have no words for %s", event)
		}
	}
	for _, wall := range []record.Wall{record.WallOff, record.WallTag, record.WallSealed, record.WallHeader} {
		if english["wall."+string(wall)] == "" {
			t.Errorf("receipts have no words for the wall %s", wall)
		}
	}
}

// A receipt that is on its way speaks the browser's language, and English where that is none of ours.
func TestReceiptThatIsNotThereYetSpeaksTheBrowsersLanguage(t *testing.T) {
	e := serveReceipts(t)
	f := func(accept, locale, direction string) {
		t.Helper()
		a := e.get("/h/k1/receipt/"+strings.Repeat("a", 32), "Accept-Language", accept)
		for _, want := range []string{
			fmt.Sprintf(`<html lang="%s" dir="%s">`, locale, direction), html.EscapeString(receiptTexts(t, locale)["waiting.again"]),
		} {
			if !strings.Contains(a.body, want) {
				t.Errorf("with Accept-Language %q the page has no %q:\n%s", accept, want, a.body)
			}
		}
	}
	f("", "en", "ltr")
	f("fr-CA,fr;q=0.9,en;q=0.8", "fr", "ltr")
	f("iw", "he", "rtl")
	f("no", "nb", "ltr")
	f("tlh, sw", "en", "ltr")
	f("x-;q=2,"+strings.Repeat("a-", 900), "en", "ltr")
}

func TestReceiptForPrograms(t *testing.T) {
	a := serveReceipts(t).get("/h/k1/receipt/" + receiptRecord().ID.String() + ".json")
	var got struct {
		Type   string `json:"@type"`
		Record struct {
			Identifier string         `json:"dct:identifier"`
			Control    map[string]any `json:"dpv:hasConsentControl"`
		} `json:"dpv:hasRecordOfActivity"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK ||
		a.header.Get("Content-Type") != "application/ld+json" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("receipt = %d %v %s, %v, want JSON-LD", a.status, a.header, a.body, err)
	}
	if got.Type != "dpv:ConsentReceipt" || got.Record.Identifier != receiptRecord().ID.String() ||
		got.Record.Control["dpv:isExercisedAt"] != siteOrigin+"/" {
		t.Errorf("receipt = %+v", got)
	}
}

func TestReceiptThatIsNotThere(t *testing.T) {
	e := serveReceipts(t)
	f := func(name string, status int, want string) {
		t.Helper()
		if a := e.get("/h/k1/receipt/" + name); a.status != status || !strings.Contains(a.body, want) {
			t.Errorf("receipt %s = %d %s, want %d with %q", name, a.status, a.body, status, want)
		}
	}
	unknown := strings.Repeat("a", 32)
	f(unknown, 404, `<a href="">Look again</a>`)
	f(unknown+".json", 404, `"code":"not_found"`)
	f(strings.Repeat("0", 32), 503, `"code":"unavailable"`)
	f(strings.Repeat("A", 32), 404, "nothing is served") // not as records have it
	f(unknown[:31], 404, "nothing is served")
	f(unknown+"/x", 404, "nothing is served")
	if a := start(t, collector.Config{}).get("/h/k1/receipt/" + unknown); a.status != 404 || !strings.Contains(a.body, "nothing is served") {
		t.Errorf("without a source = %d %s, want 404", a.status, a.body)
	}
}
