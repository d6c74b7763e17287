package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"heed/consent"
)

// epoch is when the tests' records begin: 2026-11-01 00:00 UTC, Unix ms.
var epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// id returns the n-th UUIDv7 of the tests.
func id(n int) (id ID) {
	binary.BigEndian.PutUint64(id[:], uint64(epoch+int64(n))<<16)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[6], id[8] = 0x70, id[8]&0x3f|0x80
	return id
}

// grant returns the n-th record of the tests, a grant.
func grant(n int) *Record {
	at := epoch + int64(n)*60_000
	return &Record{
		Version: 1, ID: id(n), Site: "shop", Event: Chosen, Method: ByButton, Control: "save",
		TimeMS: at, ClientTimeMS: at - 150, ExpiresMS: at + 182*86_400_000,
		Place: Place{"DE", "Bavaria", FromAddress}, Jurisdiction: "EEA", MatrixVersion: 2,
		Reasons:    ReasonCodes(consent.ChoiceMade),
		Assertions: []Assertion{AssertsAnonymousCount},
		Categories: CategoryState(consent.Essential | consent.Performance),
		Services:   State{Granted: []string{"counter"}, Denied: []string{"ads", "maps"}},
		Wall:       WallSealed, Notice: ref, DwellMS: 2300,
		Origin: "https://shop.example", Browser: "Firefox", Declaration: "7", Emitted: Emitted{GCM: "G101"},
	}
}

// refusal returns the n-th record of the tests, a refusal.
func refusal(n int) *Record {
	r := grant(n)
	r.Event, r.Control = Rejected, "reject"
	r.Categories = CategoryState(consent.Essential)
	r.Services = State{Granted: []string{}, Denied: []string{"ads", "counter", "maps"}}
	r.Emitted.GCM = "G100"
	return r
}

// withdrawal returns the n-th record of the tests: it ends the one with the id of ended.
func withdrawal(n, ended int) *Record {
	r := refusal(n)
	r.Event, r.Control, r.Ends = Withdrawn, "withdraw", id(ended)
	return r
}

// someRecords returns n records of all kinds.
func someRecords(n int) []*Record {
	list := make([]*Record, n)
	for i := range list {
		switch i % 3 {
		case 0:
			list[i] = grant(i)
		case 1:
			list[i] = refusal(i)
		case 2:
			list[i] = withdrawal(i, i-2)
		}
	}
	return list
}

// ref names someNotice.
var ref = func() NoticeRef {
	archived, err := someNotice().Archive()
	if err != nil {
		panic(err)
	}
	return archived.Ref
}()

// someNotice returns the notice that the tests' records answer.
func someNotice() *Notice {
	return &Notice{
		Version: 1, Kind: NoticeKind, Site: "shop", Layout: "bar", Locale: "en", Edition: "2026-10",
		Material: Material{
			Version: 1, Kind: MaterialKind, ChoiceDays: 182,
			Controller: Controller{Name: "Shop Ltd", Contact: "privacy@shop.example", Country: "IE"},
			Purposes: []Purpose{
				{"basket", "essential", []string{"basket"}, 1, []string{"IE"}},
				{"directions", "functional", []string{"place"}, 0, []string{"DE"}},
				{"followup", "advertising", []string{"click-id"}, 90, []string{"US"}},
				{"measure", "performance", []string{"country", "pages"}, 395, []string{"DE", "IE"}},
			},
			Services: []Service{
				{"ads", "advertising", "adco", []string{"followup"}, 90},
				{"counter", "performance", "shop", []string{"measure"}, 182},
				{"maps", "functional", "mapco", []string{"directions"}, 0},
			},
			Recipients: []Recipient{
				{"adco", "Ad Co", "US", "https://ads.example/privacy"},
				{"mapco", "Map Co", "DE", "https://maps.example/privacy"},
				{"shop", "Shop Ltd", "IE", "https://shop.example/privacy"},
			},
		},
		Look: Look{
			Texts: []Text{
				{"title", "May we?"},
				{"measure", "Measure how the shop is used"},
				{"followup", "Show you our ads elsewhere"},
				{"counter", "Visitor counter"},
			},
			Buttons: []Button{{"accept", "accept", "Accept all"}, {"reject", "reject", "Reject all"}, {"choose", "choose", "Choose"}},
			CSS:     ".heed{color:#111;background:#fff}",
		},
	}
}

// build returns the chain of records and its rows. Every record must become a row.
func build(t testing.TB, records []*Record) (*Chain, []Row) {
	t.Helper()
	c := NewChain("shop", true)
	outcomes, err := c.Append(records, nil)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	rows := make([]Row, len(outcomes))
	for i, o := range outcomes {
		if o.Err != nil || o.Double {
			t.Fatalf("Append: record %d: double %v, %v", i, o.Double, o.Err)
		}
		rows[i] = o.Row
	}
	return c, rows
}

// seq hands out rows as a store would.
func seq(rows []Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func signer(t testing.TB) *Signer {
	t.Helper()
	s, err := NewSigner("consent.example", ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkpoint(t testing.TB, c *Chain, day int) Checkpoint {
	t.Helper()
	cp, err := c.Checkpoint(time.UnixMilli(epoch).AddDate(0, 0, day))
	if err != nil {
		t.Fatalf("Checkpoint: %v", err)
	}
	return cp
}

// seeded returns a source of numbers that is the same in every run.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
