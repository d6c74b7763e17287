package record

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"heed/consent"
)

func TestRecordSurvivesItsText(t *testing.T) {
	f := func(r *Record) {
		t.Helper()
		text, err := r.Encode()
		if err != nil {
			t.Fatalf("Encode(%s) = %v", r.Event, err)
		}
		got, err := Decode(text)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("Decode(%s) = %+v, %v, want %+v", text, got, err, r)
		}
	}
	for _, r := range someRecords(6) {
		f(r)
	}
	shown := refusal(1)
	shown.Event, shown.Method, shown.Control, shown.ExpiresMS = Shown, ByItself, "", 0
	f(shown)
	signal := refusal(2)
	signal.Event, signal.Method, signal.Control, signal.ExpiresMS = GPC, BySignal, "", 0
	signal.Signals.SecGPC, signal.Notice = true, NoticeRef{}
	signal.Place = Place{Source: NotKnown}
	f(signal)
	odd := grant(3)
	odd.Browser = "Fire\u2028fox <&> \U0001F98A"
	f(odd)
}

func TestValidateFailure(t *testing.T) {
	f := func(field string, change func(r *Record)) {
		t.Helper()
		r := grant(1)
		change(r)
		err := r.Validate()
		if err == nil || !strings.Contains(err.Error(), "\n"+field+":") && !strings.Contains(err.Error(), ": "+field+":") {
			t.Errorf("Validate() = %v, want an error about %s", err, field)
		}
	}
	f("v", func(r *Record) { r.Version = 2 })
	f("id", func(r *Record) { r.ID[6] = 0x40 }) // a UUIDv4
	f("ends", func(r *Record) { r.Ends = r.ID })
	f("ends", func(r *Record) { r.Event = Withdrawn })              // ends nothing
	f("ends", func(r *Record) { *r = *refusal(1); r.Ends = id(0) }) // a refusal names nobody
	f("site", func(r *Record) { r.Site = "" })
	f("site", func(r *Record) { r.Site = "a/b" })
	f("event", func(r *Record) { r.Event = "given" })
	f("method", func(r *Record) { r.Method = "scroll" })
	f("control", func(r *Record) { r.Control = "" })
	f("control", func(r *Record) { r.Method = ByAPI })
	f("time_ms", func(r *Record) { r.TimeMS = 0 })
	f("time_ms", func(r *Record) { r.TimeMS = 1 << 53 })
	f("client_time_ms", func(r *Record) { r.ClientTimeMS = -1 })
	f("expires_ms", func(r *Record) { r.ExpiresMS = 0 })
	f("expires_ms", func(r *Record) { r.ExpiresMS += 400 * 86_400_000 })
	f("place.country", func(r *Record) { r.Place.Country = "de" })
	f("place.source", func(r *Record) { r.Place.Source = NotKnown })
	f("place.source", func(r *Record) { r.Place.Source = "ip" })
	f("place.region", func(r *Record) { r.Place.Country, r.Place.Source = "", NotKnown })
	f("jurisdiction", func(r *Record) { r.Jurisdiction = "" })
	f("matrix_version", func(r *Record) { r.MatrixVersion = 0 })
	f("reasons", func(r *Record) { r.Reasons = []string{"because"} })
	f("reasons", func(r *Record) { r.Reasons = []string{"signal_gpc", "choice_made"} })
	f("reasons", func(r *Record) { r.Reasons = []string{"minor"} }) // an age is never stored
	f("assertions", func(r *Record) { r.Assertions = []Assertion{"honest"} })
	f("categories", func(r *Record) { r.Categories.Denied = r.Categories.Denied[1:] })
	f("categories", func(r *Record) { r.Categories = CategoryState(consent.Performance) })
	f("categories", func(r *Record) { r.Categories = CategoryState(consent.Essential); r.Event = Accepted })
	f("categories", func(r *Record) { r.Event = Rejected })
	f("services.granted", func(r *Record) { r.Services.Granted = nil })
	f("services.denied", func(r *Record) { r.Services.Denied = []string{"maps", "ads"} })
	f("services.denied", func(r *Record) { r.Services.Denied = make([]string, 201) })
	f("services", func(r *Record) { r.Services.Denied = []string{"counter"} })
	f("wall", func(r *Record) { r.Wall = "" })
	f("notice", func(r *Record) { r.Notice = NoticeRef{} })
	f("notice.id", func(r *Record) { r.Notice.ID = "12345678" })
	f("dwell_ms", func(r *Record) { r.DwellMS = -1 })
	f("origin", func(r *Record) { r.Origin = "https://shop.example/cart" })
	f("origin", func(r *Record) { r.Origin = "https://u:p@shop.example" })
	f("browser", func(r *Record) { r.Browser = "a\nb" })
	f("browser", func(r *Record) { r.Browser = "\xff" })
	f("emitted.tcf", func(r *Record) { r.Emitted.TCF = strings.Repeat("x", 4097) })
}

func TestDecodeFailure(t *testing.T) {
	text, err := grant(1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	f := func(old, new string) {
		t.Helper()
		changed := bytes.Replace(text, []byte(old), []byte(new), 1)
		if bytes.Equal(changed, text) {
			t.Fatalf("%q is not in %s", old, text)
		}
		if _, err := Decode(changed); err == nil {
			t.Errorf("Decode with %q for %q: want an error", new, old)
		}
	}
	f(`{`, ` {`)                                          // a space
	f(`}`, `},`)                                          // more behind it
	f(`"site":"shop"`, `"Site":"shop"`)                   // another case
	f(`"site":"shop"`, `"site":"shop","site":"shop"`)     // twice
	f(`"site":"shop"`, `"site":"shop","visitor":"12345"`) // unknown
	f(`"site":"shop"`, `"site":"\u0073hop"`)              // escaped without need
	f(`"matrix_version":2`, `"matrix_version":2.0`)
	f(`"site":"shop"`, `"site":5`)
	if _, err := Decode(make([]byte, MaxBytes+1)); err == nil {
		t.Error("Decode of too long a text: want an error")
	}
	newer := bytes.Replace(text, []byte(`"v":1`), []byte(`"v":2,"x":0`), 1)
	if _, err := Decode(newer); !errors.Is(err, ErrTooNew) {
		t.Errorf("Decode of version 2 = %v, want ErrTooNew", err)
	}
}

// TestNoIDReachesALog looks for the consent id in what a log or an error would show of a record.
func TestNoIDReachesALog(t *testing.T) {
	c, rows := build(t, []*Record{grant(1)})
	other := grant(1)
	other.Wall = WallOff
	outcomes, err := c.Append([]*Record{other}, map[ID]Row{id(1): rows[0]})
	if err != nil {
		t.Fatal(err)
	}
	invalid := grant(1)
	invalid.Wall = ""
	_, unreadable := Decode(append(rows[0].Record, ' '))
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "record", grant(1), "row", rows[0],
		"conflict", outcomes[0].Err, "invalid", invalid.Validate(), "unreadable", unreadable)
	for _, secret := range []string{id(1).String(), "Bavaria", "Firefox"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in %s", secret, out.String())
		}
	}
}

func TestReasonCodesTellNoAge(t *testing.T) {
	got := ReasonCodes(consent.ChoiceMade | consent.Minor | consent.ParentAllowed | consent.SignalGPC)
	if want := []string{"choice_made", "signal_gpc"}; !reflect.DeepEqual(got, want) {
		t.Errorf("ReasonCodes = %q, want %q", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range someRecords(3) {
		text, err := r.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Decode(text)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("Encode(Decode(%q)) = %q, %v", text, again, err)
		}
	})
}
