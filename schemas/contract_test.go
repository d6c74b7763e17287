package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"heed/schemas"
)

// sample is one entry of testdata/batches.json, which the collector's decoder is held to as well.
type sample struct {
	Name         string          `json:"name"`
	Valid        bool            `json:"valid"`
	Code         schemas.Code    `json:"code,omitempty"`         // of the batch, or of its first rejected event
	BeyondSchema bool            `json:"beyondSchema,omitempty"` // JSON Schema cannot say what is wrong
	Body         json.RawMessage `json:"body"`                   // a text stands for itself: it need not be JSON
}

func TestSchemaAcceptsSamples(t *testing.T) {
	schema := compileSchema(t)
	for _, s := range readSamples(t) {
		if !s.Valid && !s.BeyondSchema {
			continue
		}
		if s.Valid == (s.Code != "") {
			t.Errorf("%s: valid %v with code %q", s.Name, s.Valid, s.Code)
		}
		value, err := s.value(t)
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil && !s.BeyondSchema {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestSchemaRefusesSamples(t *testing.T) {
	schema := compileSchema(t)
	for _, s := range readSamples(t) {
		if s.Valid || s.BeyondSchema {
			continue
		}
		if s.Code == "" {
			t.Errorf("%s: invalid without a code", s.Name)
		}
		if value, err := s.value(t); err == nil && schema.Validate(value) == nil {
			t.Errorf("%s: the schema accepts it, want %s", s.Name, s.Code)
		}
	}
}

// What Go's types write, the schema describes: also answers and rejections.
func TestSchemaDescribesGoTypes(t *testing.T) {
	f := func(definition string, value any) {
		t.Helper()
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compileSchema(t, "#/$defs/"+definition).Validate(decoded); err != nil {
			t.Fatalf("%s does not describe %s: %v", definition, text, err)
		}
	}
	id := "0198c0de-0000-7000-8000-000000000001"
	failure := schemas.Error{Code: schemas.MissingField, Field: "events[0].url", Message: "the field is required; add it"}
	f("Batch", schemas.Batch{Version: schemas.EventVersion, Sent: 1, Events: []schemas.Event{
		{ID: id, Kind: schemas.Page, Created: 1, URL: "https://a.example/"},
	}})
	f("Error", failure)
	f("Rejection", schemas.Rejection{Index: 0, Error: failure})
	f("Rejection", schemas.Rejection{Index: 1, ID: id, Error: failure})
	f("Answer", schemas.Answer{})
	f("Answer", schemas.Answer{Accepted: 1, Rejected: []schemas.Rejection{{Index: 1, Error: failure}}, Choice: "1.05.20000.c0ffee01"})
}

// The constants that the collector checks and the tags that the schema is made from say the same.
func TestLimitsAgree(t *testing.T) {
	f := func(owner any, name, limit string) {
		t.Helper()
		field, ok := reflect.TypeOf(owner).FieldByName(name)
		if tag := field.Tag.Get("limit"); !ok || !strings.Contains(","+tag+",", ","+limit+",") {
			t.Errorf("limit of %s = %q, want %s in it", name, tag, limit)
		}
	}
	f(schemas.Batch{}, "Events", "maxItems="+strconv.Itoa(schemas.MaxBatchEvents))
	f(schemas.Batch{}, "Version", "maximum="+strconv.Itoa(schemas.EventVersion))
	f(schemas.Event{}, "Props", "maxProperties="+strconv.Itoa(schemas.MaxPropCount))
	f(schemas.Event{}, "Anonymous", "maxItems="+strconv.Itoa(schemas.MaxAnonymousIDs))
}

// Committed generated files are what the generator writes.
func TestGenerated(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("go", "run", "./generate", "-out", folder).CombinedOutput(); err != nil {
		t.Fatalf("run the generator: %v\n%s", err, out)
	}
	committed, err := filepath.Glob("*.gen.*")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != len(committed) {
		t.Errorf("the generator writes %d files, want %d: %v", len(written), len(committed), committed)
	}
	for _, name := range committed {
		if !bytes.Equal(readFile(t, name), readFile(t, filepath.Join(folder, name))) {
			t.Errorf("%s is not what the generator writes: run go generate ./schemas", name)
		}
	}
}

func TestErrorText(t *testing.T) {
	f := func(err *schemas.Error, want string) {
		t.Helper()
		if got := err.Error(); got != want {
			t.Fatalf("Error() = %q, want %q", got, want)
		}
	}
	f(&schemas.Error{Code: schemas.Timeout, Message: "too slow"}, "timeout: too slow")
	f(&schemas.Error{Code: schemas.TooOld, Field: "events[0].created", Message: "too old"}, "too_old: events[0].created: too old")
}

// value decodes the body as a strict JSON decoder would.
func (s *sample) value(tb testing.TB) (any, error) {
	tb.Helper()
	text := []byte(s.Body)
	var raw string
	if json.Unmarshal(text, &raw) == nil && string(text) != "null" {
		text = []byte(raw)
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

func readSamples(tb testing.TB) (samples []sample) {
	tb.Helper()
	if err := json.Unmarshal(readFile(tb, "testdata/batches.json"), &samples); err != nil || len(samples) < 100 {
		tb.Fatalf("decode testdata/batches.json: %v, %d samples", err, len(samples))
	}
	return samples
}

func compileSchema(tb testing.TB, fragment ...string) *jsonschema.Schema {
	tb.Helper()
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(tb, "event.schema.gen.json")))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("event.json", text); err != nil {
		tb.Fatal(err)
	}
	schema, err := compiler.Compile("event.json" + strings.Join(fragment, ""))
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
