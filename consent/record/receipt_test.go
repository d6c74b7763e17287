package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func receipt(t *testing.T, r *Record) *Receipt {
	t.Helper()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	got, err := NewReceipt(r, someNotice(), "https://shop.example/choices")
	if err != nil {
		t.Fatalf("NewReceipt: %v", err)
	}
	return got
}

func TestReceiptOfAGrant(t *testing.T) {
	text, err := receipt(t, grant(1)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	golden(t, "receipt.jsonld", pretty.Bytes())
}

// TestReceiptUsesItsPrefixesOnly finds names that a JSON-LD reader could not expand.
func TestReceiptUsesItsPrefixesOnly(t *testing.T) {
	text, err := receipt(t, withdrawal(1, 0)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	known := receiptContext()
	delete(doc, "@context")
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				prefix, _, found := strings.Cut(name, ":")
				if known[prefix] == nil && found || !found && name[0] != '@' {
					t.Errorf("%q has no prefix of the context", name)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)
}

func TestReceiptStatus(t *testing.T) {
	f := func(r *Record, whole, performance, advertising string, named bool) {
		t.Helper()
		got := receipt(t, r).Record
		if got.Status[0].Types[0] != whole {
			t.Errorf("%s: status %v, want %s", r.Event, got.Status[0].Types, whole)
		}
		for _, p := range got.Processes {
			want := map[string]string{"dpv:ServiceUsageAnalytics": performance, "dpv:Advertising": advertising}
			if status, asked := want[p.Purpose]; asked && p.Status != status {
				t.Errorf("%s: %s is %q, want %q", r.Event, p.Purpose, p.Status, status)
			}
			if p.Purpose == "dpv:ServiceProvision" && p.Status != "" {
				t.Errorf("%s: what is essential is %q, want no word of consent", r.Event, p.Status)
			}
		}
		if (got.Subject.ID != "") != named {
			t.Errorf("%s: the visitor is named %q, want a name: %v", r.Event, got.Subject.ID, named)
		}
	}
	f(grant(1), "dpv:ConsentGiven", "dpv:ConsentGiven", "dpv:ConsentRefused", true)
	f(refusal(1), "dpv:ConsentRefused", "dpv:ConsentRefused", "dpv:ConsentRefused", false)
	f(withdrawal(1, 0), "dpv:ConsentWithdrawn", "dpv:ConsentWithdrawn", "dpv:ConsentWithdrawn", false)
	part := grant(2)
	part.Event, part.Ends = Withdrawn, id(0)
	f(part, "dpv:ConsentWithdrawn", "dpv:ConsentGiven", "dpv:ConsentWithdrawn", true)
	silent := grant(3)
	silent.OptOut = true
	f(silent, "dpv:ConsentRefused", "", "dpv:ConsentRefused", false)
	shown := refusal(4)
	shown.Event, shown.Method, shown.Control, shown.ExpiresMS = Shown, ByItself, "", 0
	f(shown, "dpv:ConsentRequested", "dpv:ConsentRequested", "dpv:ConsentRequested", false)
	shown.Event = Expired
	f(shown, "dpv:ConsentExpired", "dpv:ConsentExpired", "dpv:ConsentExpired", false)
	signal := grant(5)
	signal.Event, signal.Method, signal.Control, signal.ExpiresMS = GPC, BySignal, "", 0
	f(signal, "dpv:ConsentRefused", "", "dpv:ConsentRefused", false)
}

func TestNewReceiptFailure(t *testing.T) {
	r := grant(1)
	r.Services.Denied = []string{"ads"}
	if _, err := NewReceipt(r, someNotice(), ""); err == nil {
		t.Error("NewReceipt of a record that does not answer the notice: want an error")
	}
	r = grant(1)
	r.Categories.Granted = nil
	if _, err := NewReceipt(r, someNotice(), ""); err == nil {
		t.Error("NewReceipt of a record without categories: want an error")
	}
	r = grant(1)
	r.Site = "blog"
	if _, err := NewPage(r, someNotice()); err == nil {
		t.Error("NewPage of a record of another site: want an error")
	}
}

func TestPage(t *testing.T) {
	p, err := NewPage(withdrawal(2, 0), someNotice())
	if err != nil {
		t.Fatal(err)
	}
	if p.Ends != id(0).String() || p.Controller.Name != "Shop Ltd" || p.Expires.Sub(p.At).Hours() != 182*24 {
		t.Errorf("NewPage = %+v", p)
	}
	p, err = NewPage(grant(1), someNotice())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, purpose := range p.Purposes {
		got[purpose.Name] = purpose.Allowed
		for _, s := range purpose.Services {
			got[s.Name+" of "+s.Recipient.Name] = s.Allowed
		}
	}
	want := map[string]bool{
		"basket": true, "directions": false, "Measure how the shop is used": true, "Show you our ads elsewhere": false,
		"ads of Ad Co": false, "Visitor counter of Shop Ltd": true, "maps of Map Co": false,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the page allows %v, want %v", got, want)
	}
}
