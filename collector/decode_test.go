package collector

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-faster/jx"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"heed/schemas"
)

// sample is one entry of the batches that the JSON Schema and this decoder are both held to.
type sample struct {
	Name  string
	Valid bool
	Code  schemas.Code // of the batch, or of its first rejected event
	Body  json.RawMessage
}

func (s sample) body(t testing.TB) []byte {
	t.Helper()
	var text string
	if json.Unmarshal(s.Body, &text) == nil && !bytes.Equal(s.Body, []byte("null")) {
		return []byte(text)
	}
	return s.Body
}

func readSamples(t testing.TB) (samples []sample) {
	t.Helper()
	text, err := os.ReadFile("../schemas/testdata/batches.json")
	if err == nil {
		err = json.Unmarshal(text, &samples)
	}
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

func TestDecodeSamples(t *testing.T) {
	var d decoder
	for _, s := range readSamples(t) {
		body := s.body(t)
		err := d.decode(body)
		var got schemas.Code
		if err != nil {
			got = err.Code
		} else if len(d.rejected) > 0 {
			got = d.rejected[0].Code
		}
		if got != s.Code {
			t.Errorf("%s: decode = %q, want %q", s.Name, got, s.Code)
		}
		if !s.Valid {
			continue
		}
		var want schemas.Batch
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		if got, want := mustMarshal(t, d.batch), mustMarshal(t, want); !bytes.Equal(got, want) {
			t.Errorf("%s: decode =\n%s, want\n%s", s.Name, got, want)
		}
	}
}

func TestDecodeFailure(t *testing.T) {
	var d decoder
	f := func(body string, code schemas.Code, field string) {
		t.Helper()
		if err := d.decode([]byte(body)); err == nil || err.Code != code || err.Field != field || err.Message == "" {
			t.Errorf("decode(%.80q) = %v, want %s of %q", body, err, code, field)
		}
	}
	f("\xff", schemas.Malformed, "")
	f(`{"v":1,"sent":1,"events":[],"x":"`+"\xc3("+`"}`, schemas.Malformed, "")
	f(`{"v":1,"sent":1,"events":[],"x":"`+"\xed\xa0\x80"+`"}`, schemas.Malformed, "") // a surrogate in UTF-8
	f(strings.Repeat("[", schemas.MaxBatchBytes), schemas.TooDeep, "")
	f(strings.Repeat(" ", schemas.MaxBatchBytes+1), schemas.TooLarge, "")
	f(`{"v":1,"sent":1,"events":[]`, schemas.Malformed, "")
	f(`{"v":1,"sent":1e3,"events":[]}`, schemas.Malformed, "sent")
	f(`{"v":1,"sent":`+strings.Repeat("9", 400)+`,"events":[]}`, schemas.Malformed, "sent")
	f(`{"v":true,"sent":1,"events":[]}`, schemas.UnsupportedVersion, "v")
	f(`{"sent":1,"events":[]}`, schemas.Malformed, "v")
	f(`{"v":1,"sent":1,"visitor":"","events":[]}`, schemas.Malformed, "visitor")
	f(`{"v":1,"sent":1,"choice":"\u0000","events":[]}`, schemas.Malformed, "choice")
	f(`{"v":1,"sent":1,"held":[{"host":"a.example","kind":"img"},{"host":"a.example"}],"events":[]}`, schemas.Malformed, "held[1].kind")
	f(`{"v":1,"sent":1,"names":[{"name":"a","place":"pocket"}],"events":[]}`, schemas.Malformed, "names[0].place")
	f(`{"v":1,"sent":1,"names":[{"name":"a","place":"idb","x":[[[[]]]]}],"events":[]}`, schemas.TooDeep, "")
}

func TestDecodeTakesTheFirstOfTwo(t *testing.T) {
	var d decoder
	if err := d.decode([]byte(`{"v":1,"sent":5,"sent":6,"events":[],"events":[1]}`)); err != nil || d.batch.Sent != 5 || len(d.rejected) > 0 {
		t.Errorf("decode = %v, sent %d, rejected %v, want the first of each", err, d.batch.Sent, d.rejected)
	}
}

func TestEventSizeLeavesWhiteSpaceOut(t *testing.T) {
	event := func(size int, space string) string {
		const frame = `{"id":"0198c0de-0000-7000-8000-000000000001","kind":"page","created":1,"url":"https://a.example/","x":""}`
		return strings.TrimSuffix(frame, `"}`) + strings.Repeat("x", size-len(frame)) + `"` + space + `}`
	}
	f := func(event string, want int) {
		t.Helper()
		var d decoder
		if err := d.decode([]byte(`{"v":1,"sent":1,"events":[` + event + `]}`)); err != nil || len(d.batch.Events) != want {
			t.Errorf("decode(event of %d bytes) = %v, %v, want %d events", len(event), err, d.rejected, want)
		}
	}
	f(event(schemas.MaxEventBytes, ""), 1)
	f(event(schemas.MaxEventBytes, strings.Repeat(" ", 1000)), 1)
	f(event(schemas.MaxEventBytes+1, ""), 0)
}

func TestSkip(t *testing.T) {
	f := func(text string, want *schemas.Error) {
		t.Helper()
		if got := skip(jx.DecodeStr(text), 0); got != want {
			t.Errorf("skip(%.40q) = %v, want %v", text, got, want)
		}
	}
	f(`[[[[[[]]]]]]`, nil)
	f(`[[[[[[[]]]]]]]`, errTooDeep)
	f(`{"a":{"a":{"a":{"a":{"a":{}}}}}}`, nil)
	f(`{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}`, errTooDeep)
	f(`"[[[[[[["`, nil)
	f(`"\"[[[[[[["`, nil)
	f(`[],`, nil) // what follows is the caller's
	f(strings.Repeat("[", 60000), errTooDeep)
	f(``, errNotJSON)
	f(`[1,]`, errNotJSON)
	f(`[1 2]`, errNotJSON)
	f(`{"a"}`, errNotJSON)
	f(`{"a":1,}`, errNotJSON)
	f(`{a:1}`, errNotJSON)
	f(`"\x"`, errNotJSON)
	f("\"\n\"", errNotJSON)
	f(`-`, errNotJSON)
	f(`NaN`, errNotJSON)
	f(`tru`, errNotJSON)
}

func TestSize(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if got := size([]byte(text)); got != want {
			t.Errorf("size(%q) = %d, want %d", text, got, want)
		}
	}
	f("", 0)
	f("{ \t\r\n}", 2)
	f(`{"a b": "c"}`, 11)
	f(`" \" "  1`, 7)
}

func TestIsUUID7(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := isUUID7(text); got != want {
			t.Errorf("isUUID7(%q) = %t, want %t", text, got, want)
		}
	}
	f("0198c0de-0000-7000-8000-000000000001", true)
	f("0198c0de-0000-7000-b000-00000000000f", true)
	f("0198c0de-0000-4000-8000-000000000001", false) // version 4
	f("0198c0de-0000-7000-c000-000000000001", false) // another variant
	f("0198C0DE-0000-7000-8000-000000000001", false) // upper case
	f("0198c0de00007000800000000000000100000", false)
	f("{198c0de-0000-7000-8000-00000000000}", false)
	f("", false)
}

// The constants of fields.go are those of the tags that the JSON Schema is generated from.
func TestLimitsAreTheSchemas(t *testing.T) {
	f := func(owner any, field, name string, want int) {
		t.Helper()
		tag := reflect.ValueOf(owner).Type()
		member, _ := tag.FieldByName(field)
		for limit := range strings.SplitSeq(member.Tag.Get("limit"), ",") {
			if limit == name+"="+strconv.Itoa(want) {
				return
			}
		}
		t.Errorf("limit of %s = %q, want %s=%d", field, member.Tag.Get("limit"), name, want)
	}
	f(schemas.Batch{}, "Sent", "maximum", maxSafeInteger)
	f(schemas.Batch{}, "Choice", "maxLength", maxChoice)
	f(schemas.Event{}, "Created", "maximum", maxSafeInteger)
	f(schemas.Event{}, "URL", "maxLength", maxURL)
	f(schemas.Event{}, "Referrer", "maxLength", maxURL)
	f(schemas.Event{}, "Engaged", "maximum", maxEngaged)
	f(schemas.Event{}, "Name", "maxLength", maxName)
	f(schemas.ConsentEvent{}, "Control", "maxLength", maxName)
	f(schemas.ConsentEvent{}, "Dwell", "maximum", maxDwell)
	f(schemas.ConsentEvent{}, "Ends", "maxLength", maxChoice)
	f(schemas.ConsentEvent{}, "Services", "maxItems", schemas.MaxServices)
	f(schemas.ConsentEvent{}, "Services", "maxEntryLength", maxName)
	f(schemas.Batch{}, "Held", "maxItems", schemas.MaxHeld)
	f(schemas.Batch{}, "Names", "maxItems", schemas.MaxNames)
	f(schemas.Held{}, "Host", "maxLength", maxHost)
	f(schemas.Name{}, "Name", "maxLength", maxSeenName)
	f(schemas.Name{}, "Days", "maximum", maxDays)
	f(schemas.Event{}, "Form", "maxLength", maxForm)
	f(schemas.Event{}, "Props", "maxKeyLength", maxPropKey)
	f(schemas.Event{}, "Props", "maxValueLength", maxPropValue)
}

// FuzzDecode wants of every body: no panic; what is accepted is what the JSON Schema describes, and survives being
// written and read again; and every event of the document is either accepted or rejected.
func FuzzDecode(f *testing.F) {
	for _, s := range readSamples(f) {
		f.Add(s.body(f))
	}
	f.Add([]byte(`{"v":1,"sent":1,"events":[],"choice":"\ud800"}`)) // half a character
	f.Add([]byte(`{"v":1,"v":2,"sent":1,"events":[],"events":[{}]}`))
	f.Add([]byte(`{"\u0076":1,"sent":1,"events":[{"i\u0064":"0198c0de-0000-7000-8000-000000000001"}]}`))
	schema := jsonschema.NewCompiler().MustCompile("../schemas/event.schema.gen.json")
	var d, again decoder
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := bytes.Clone(body)
		err := d.decode(body)
		if !bytes.Equal(body, sent) {
			t.Fatal("decode changed the body")
		}
		if err != nil {
			if status(err.Code) >= 500 {
				t.Fatalf("decode = %v, want the client's fault", err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatal("accepted, but not JSON")
		}
		checkIndexes(t, &d)
		text := mustMarshal(t, d.batch)
		value, jsonErr := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if err := schema.Validate(value); err != nil {
			t.Fatalf("accepted, but not described: %v\n%s", err, text)
		}
		if len(text) > schemas.MaxEventBytes { // escaping may have made it longer than allowed
			return
		}
		if err := again.decode(text); err != nil || len(again.rejected) > 0 {
			t.Fatalf("decode again = %v, %v\n%s", err, again.rejected, text)
		}
		if second := mustMarshal(t, again.batch); !bytes.Equal(second, text) {
			t.Fatalf("decode again =\n%s, want\n%s", second, text)
		}
	})
}

// checkIndexes wants every event's index once, in accepted or rejected.
func checkIndexes(t *testing.T, d *decoder) {
	t.Helper()
	seen := map[int]bool{}
	for _, i := range d.index {
		seen[i] = true
	}
	for _, r := range d.rejected {
		seen[r.Index] = true
	}
	total := len(d.index) + len(d.rejected)
	if len(seen) != total || len(d.index) != len(d.batch.Events) || total > 0 && !seen[total-1] {
		t.Fatalf("accepted %v, rejected %v: want each index once", d.index, d.rejected)
	}
}

// mustMarshal writes without escaping HTML, which would make texts longer than their limits allow.
func mustMarshal(t testing.TB, b schemas.Batch) []byte {
	t.Helper()
	if b.Events == nil {
		b.Events = []schemas.Event{}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}
