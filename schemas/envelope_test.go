package schemas_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"heed/schemas"
)

func TestEnvelopeRoundTrip(t *testing.T) {
	f := func(want *schemas.Envelope) {
		t.Helper()
		text := marshal(t, want)
		got := &schemas.Envelope{}
		if err := got.UnmarshalVT(text); err != nil || !proto.Equal(got, want) {
			t.Fatalf("UnmarshalVT(%x) = %v, %v, want %v", text, got, err, want)
		}
		standard := &schemas.Envelope{} // any other implementation must read it too
		if err := proto.Unmarshal(text, standard); err != nil || !proto.Equal(standard, want) {
			t.Fatalf("proto.Unmarshal(%x) = %v, %v, want %v", text, standard, err, want)
		}
		if len(text) != want.SizeVT() {
			t.Fatalf("SizeVT() = %d, want %d", want.SizeVT(), len(text))
		}
	}
	f(&schemas.Envelope{})
	f(&schemas.Envelope{Version: schemas.EnvelopeVersion, Id: make([]byte, 16), Kind: "page"})
	f(fullEnvelope())
}

func TestEnvelopeUnknownFields(t *testing.T) {
	want := fullEnvelope()
	text := marshal(t, want)
	for _, unknown := range unknownFields() {
		for _, newer := range [][]byte{append(unknown[:len(unknown):len(unknown)], text...), append(text[:len(text):len(text)], unknown...)} {
			got := &schemas.Envelope{}
			if err := got.UnmarshalVT(newer); err != nil {
				t.Fatalf("UnmarshalVT with unknown field %x: %v", unknown, err)
			}
			if !bytes.Equal(got.ProtoReflect().GetUnknown(), unknown) {
				t.Fatalf("unknown field %x was not kept", unknown)
			}
			got.ProtoReflect().SetUnknown(nil)
			if !proto.Equal(got, want) {
				t.Fatalf("UnmarshalVT with unknown field %x = %v, want %v", unknown, got, want)
			}
		}
	}
}

func TestEnvelopeTruncated(t *testing.T) {
	text := marshal(t, fullEnvelope())
	group := append([]byte{0x0a}, protowire.AppendBytes(nil, text)...)
	for n := 1; n < len(group); n++ {
		if err := (&schemas.Group{}).UnmarshalVT(group[:n]); err == nil {
			t.Fatalf("UnmarshalVT of a group cut at %d of %d: want an error", n, len(group))
		}
	}
}

func TestConcatenatedGroupsAreAGroup(t *testing.T) {
	page, form := &schemas.Envelope{Kind: "page"}, &schemas.Envelope{Kind: "form"}
	var text []byte
	for _, g := range []*schemas.Group{
		{Events: []*schemas.Envelope{page, fullEnvelope()}}, {}, {Events: []*schemas.Envelope{form}},
	} {
		part, err := g.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	got, want := &schemas.Group{}, &schemas.Group{Events: []*schemas.Envelope{page, fullEnvelope(), form}}
	if err := got.UnmarshalVT(text); err != nil || !proto.Equal(got, want) {
		t.Fatalf("UnmarshalVT = %v, %v, want %v", got, err, want)
	}
}

// FuzzEnvelope feeds the loader's decoder with anything. What it takes must come out the same after another round.
func FuzzEnvelope(f *testing.F) {
	full := marshal(f, fullEnvelope())
	f.Add([]byte{})
	f.Add(full)
	f.Add(full[:len(full)/2])
	f.Add(marshal(f, &schemas.Envelope{Version: schemas.EnvelopeVersion + 1}))
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x07}) // a text of 2 GiB that is not there
	f.Add([]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	for _, unknown := range unknownFields() {
		f.Add(append(unknown, full...))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first := &schemas.Envelope{}
		if err := first.UnmarshalVT(text); err != nil {
			return
		}
		again := &schemas.Envelope{}
		if err := again.UnmarshalVT(marshal(t, first)); err != nil || !proto.Equal(again, first) {
			t.Fatalf("UnmarshalVT(MarshalVT(%v)) = %v, %v", first, again, err)
		}
	})
}

func TestCheckVersion(t *testing.T) {
	f := func(version uint32, ok, tooNew bool) {
		t.Helper()
		if err := schemas.CheckVersion(version); (err == nil) != ok || errors.Is(err, schemas.ErrTooNew) != tooNew {
			t.Fatalf("CheckVersion(%d) = %v, want ok %v, too new %v", version, err, ok, tooNew)
		}
	}
	f(schemas.EnvelopeVersion, true, false)
	f(schemas.EnvelopeVersion+1, false, true)
	f(0, false, false)
}

// FORMAT.md draws every field, in the order of the numbers, and none that is not there.
func TestFormatDocument(t *testing.T) {
	var want strings.Builder
	fields := (&schemas.Envelope{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		fmt.Fprintf(&want, "%d %s %s\n", fields.Get(i).Number(), fields.Get(i).Name(), typeName(fields.Get(i)))
	}
	var got strings.Builder
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (\w+) \| ([^|]+) \|`)
	for _, cells := range row.FindAllStringSubmatch(string(readFile(t, "FORMAT.md")), -1) {
		fmt.Fprintln(&got, cells[1], cells[2], cells[3])
	}
	if got.String() != want.String() {
		t.Fatalf("FORMAT.md draws\n%s\nwant\n%s", got.String(), want.String())
	}
}

// The bytes in FORMAT.md's example are those that the codec writes.
func TestFormatExample(t *testing.T) {
	ev := &schemas.Envelope{
		Version: 1, Site: "demo", Kind: "page", ReceivedMs: 1760000004096,
		Id: []byte("\x01\x98\xc0\xde\x00\x00\x70\x00\x80\x00\x00\x00\x00\x00\x00\x01"),
	}
	written := fmt.Sprintf("% x", marshal(t, ev))
	example := regexp.MustCompile(`(?m)^((?:[0-9a-f]{2} )+)(…?) +\d+  \w+`)
	lines := example.FindAllStringSubmatch(string(readFile(t, "FORMAT.md")), -1)
	if len(lines) != 5 {
		t.Fatalf("FORMAT.md has %d lines of example bytes, want 5", len(lines))
	}
	for _, line := range lines {
		if drawn := strings.TrimSpace(line[1]); !strings.Contains(written, drawn) {
			t.Errorf("FORMAT.md draws %s, which is not in %s", drawn, written)
		}
	}
}

// Promise 4: there is no place to put an address or a user agent into.
func TestEnvelopeHasNoFieldForAddresses(t *testing.T) {
	fields := (&schemas.Envelope{}).ProtoReflect().Descriptor().Fields()
	forbidden := regexp.MustCompile(`(^|_)(ip|addr|address|agent|ua|query|url|email|value)(_|$)`)
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); forbidden.MatchString(name) {
			t.Errorf("field %q: an envelope must not be able to hold that", name)
		}
	}
}

func typeName(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return fmt.Sprintf("map<%s, %s>", field.MapKey().Kind(), field.MapValue().Kind())
	case field.IsList():
		return "repeated " + field.Kind().String()
	}
	return field.Kind().String()
}

// fullEnvelope sets every field that there is, so that a new one is tested from its first day.
func fullEnvelope() *schemas.Envelope {
	ev := &schemas.Envelope{}
	message := ev.ProtoReflect()
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.IsMap():
			entries := message.Mutable(field).Map()
			entries.Set(protoreflect.ValueOfString("größe").MapKey(), protoreflect.ValueOfString("L"))
			entries.Set(protoreflect.ValueOfString("").MapKey(), protoreflect.ValueOfString(""))
		case field.IsList():
			list := message.Mutable(field).List()
			list.Append(sampleValue(field))
			list.Append(sampleValue(field))
		default:
			message.Set(field, sampleValue(field))
		}
	}
	ev.Version = schemas.EnvelopeVersion
	return ev
}

// sampleValue is different for every field, and large where numbers are.
func sampleValue(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(math.MaxUint32 - uint32(field.Number()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-int64(field.Number()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Repeat([]byte{byte(field.Number())}, 16))
	default:
		return protoreflect.ValueOfString("value of " + string(field.Name()))
	}
}

// unknownFields are fields of a later minor version, one of each wire type.
func unknownFields() [][]byte {
	return [][]byte{
		protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1<<63),
		protowire.AppendFixed32(protowire.AppendTag(nil, 1001, protowire.Fixed32Type), 7),
		protowire.AppendFixed64(protowire.AppendTag(nil, 1002, protowire.Fixed64Type), 7),
		protowire.AppendBytes(protowire.AppendTag(nil, 1003, protowire.BytesType), []byte("later")),
		protowire.AppendGroup(protowire.AppendTag(nil, 1004, protowire.StartGroupType), 1004, []byte{0x08, 0x01}),
	}
}

func marshal(tb testing.TB, ev *schemas.Envelope) []byte {
	tb.Helper()
	text, err := ev.MarshalVT()
	if err != nil {
		tb.Fatalf("MarshalVT(%v): %v", ev, err)
	}
	return text
}
