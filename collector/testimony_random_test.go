package collector_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"testing"

	"heed/collector"
	"heed/consent"
	"heed/consent/record"
	"heed/pipeline/enrich"
	"heed/pipeline/wal"
	"heed/schemas"
)

// memoryLog keeps what was appended last.
type memoryLog struct{ last []byte }

func (l *memoryLog) Append(_ context.Context, evs []*schemas.Envelope) (wal.Pos, error) {
	l.last = append([]byte(nil), evs[0].Statement...)
	return wal.Pos{}, nil
}

// Whatever a browser says of what happened, it is refused as the browser's fault or becomes a record that is valid, an
// answer to its notice, and grants no more than the choice; and only a grant that counts is sealed, with that record.
func TestAnyConsentEventIsRefusedOrARecord(t *testing.T) {
	records := new(memoryLog)
	enricher, err := enrich.Open(context.Background(), geoData(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer enricher.Close()
	r := rand.New(rand.NewPCG(6, 4))
	outcomes := map[int]int{}
	for range 2000 {
		site := testSite()
		site.AssumePlace = pick(r, consent.Place{}, consent.Place{Country: "US", Region: "CA"}, consent.Place{Country: "JP"})
		site.Children = r.IntN(8) == 0
		cfg := collector.Config{Prefix: "/h", Sites: []collector.Site{site}, TrustedProxies: loopback}
		c, err := collector.New(cfg, collector.Logs{Events: nullLog{}, Consent: records}, enricher, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		b := randomAnswer(r)
		body := encode(t, b)
		ctx := newRequest(t, head("POST", urgent, text, "User-Agent: "+userAgent, "Sec-GPC: "+pick(r, "0", "1"),
			fmt.Sprintf("Content-Length: %d", len(body)))+body)
		records.last = nil
		c.Handler()(ctx)
		status := ctx.Response.StatusCode()
		outcomes[status]++
		a := answer{status: status, body: string(ctx.Response.Body())}
		if status == http.StatusAccepted {
			checkRecord(t, b, a.result(t).Choice, records.last)
		} else if status != http.StatusBadRequest || records.last != nil {
			t.Fatalf("%s = %d %s with record %s, want 202 or 400", body, status, a.body, records.last)
		}
	}
	if outcomes[http.StatusAccepted] < 300 || outcomes[http.StatusBadRequest] < 300 {
		t.Errorf("outcomes = %v, want many of each", outcomes)
	}
}

// forgedRecord is in seals that are wrong.
var forgedRecord = record.ID{6: 0x70, 8: 0x80, 15: 66}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// randomAnswer is a batch whose consent event and choice were drawn by lot.
func randomAnswer(r *rand.Rand) schemas.Batch {
	choice := grant(consent.Categories(r.IntN(16)))
	choice.OptOut, choice.GPC, choice.DNT, choice.Unsent = r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(3) == 0, r.IntN(3) == 0
	choice.Day += pick(r, 0, 0, 0, 1, 2, -1, -400)
	ev := event(pick(r, schemas.ConsentShown, schemas.ConsentAccept, schemas.ConsentReject, schemas.ConsentCustom,
		schemas.ConsentWithdraw, schemas.ConsentGPC, schemas.ConsentDNT, schemas.ConsentExpire, schemas.ConsentReprompt))
	ev.Ends = pick(r, "", "nonsense", grant(consent.All).Seal([]byte("forged"), "shop", forgedRecord).String(), seal(grant(consent.All), record.ID{6: 0x70, 8: 0x80, 15: 1}),
		seal(grant(consent.Performance), record.ID{6: 0x70, 8: 0x80, 15: 2}))
	ev.Services = pick(r, nil, []string{}, []string{"ads"}, []string{"counter", "ads", "counter"})
	if r.IntN(4) == 0 {
		ev.Method, ev.Control, ev.Shown = schemas.ByAPI, "", ""
	}
	b := batch()
	b.Choice, b.Consent = pick(r, "", choice.String(), choice.String(), choice.String(), seal(choice, record.ID{7})), ev
	b.GPC, b.DNT = r.IntN(3) == 0, r.IntN(3) == 0
	b.Age = pick(r, "", "", "", schemas.AgeUnder13, schemas.AgeFrom16)
	return b
}

// checkRecord holds the record of a batch, and the choice that was answered, against what was sent.
func checkRecord(t *testing.T, b schemas.Batch, sealed string, text []byte) {
	t.Helper()
	rec, err := record.Decode(text)
	if err != nil {
		t.Fatalf("record %s of %s: %v", text, encode(t, b), err)
	}
	if err := shopNotices[0].Notice.Answers(rec); err != nil {
		t.Errorf("record %s of %s: %v", text, encode(t, b), err)
	}
	if rec.ID != idOf(t, b.Consent) || rec.Ends == forgedRecord {
		t.Errorf("record %s of %s: want its id, and no forged end", text, encode(t, b))
	}
	sent, err := consent.ParseChoice(b.Choice)
	isAnswer := rec.ExpiresMS > 0
	if isAnswer && (err != nil || rec.Granted()&^sent.Granted != 0) {
		t.Errorf("record %s of %s: grants more than the choice", text, encode(t, b))
	}
	if got, err := consent.ParseChoice(sealed); sealed != "" {
		s := testSite()
		if err != nil || !isAnswer || !got.Verify(s.SealKey, s.ID) || got.Record != rec.ID || got.Granted != sent.Granted || got.Unsent {
			t.Errorf("%s was answered %q, want its own choice sealed with its own record", encode(t, b), sealed)
		}
	} else if isAnswer && sent.Grants() {
		t.Errorf("%s was recorded as %s and its grant not sealed", encode(t, b), text)
	}
}
