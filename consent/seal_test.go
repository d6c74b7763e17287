package consent_test

import (
	"strings"
	"testing"

	"heed/consent"
)

var (
	sealKey = []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" +
		"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f")
	sealRecord = [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
)

// The seal, as OpenSSL computes it too; a change of it would void every grant there is.
const sealedText = "1.05.20000.c0ffee01.00112233445566778899aabbccddeeff.tKxDMfdBl36p4nfOXad6Tg"

func TestSeal(t *testing.T) {
	c := parse(t, "1.05.20000.c0ffee01").Seal(sealKey, "demo", sealRecord)
	if got := c.String(); got != sealedText {
		t.Fatalf("Seal = %q, want %q", got, sealedText)
	}
	if !c.Verify(sealKey, "demo") || !parse(t, sealedText).Verify(sealKey, "demo") {
		t.Fatal("Verify = false, want true for what Seal made")
	}
	again := c.Seal(sealKey, "demo", sealRecord)
	if again != c {
		t.Fatalf("Seal of a sealed choice = %q, want %q", again, c)
	}
}

func TestSealRefusal(t *testing.T) {
	refusal := parse(t, "1.31.20000.c0ffee01")
	if got := refusal.Seal(sealKey, "demo", sealRecord); got != refusal {
		t.Fatalf("Seal of a refusal = %q, want %q", got, refusal)
	}
	withdrawn := parse(t, sealedText)
	withdrawn.Granted = consent.Essential
	if got, want := withdrawn.Seal(sealKey, "demo", sealRecord).String(), "1.01.20000.c0ffee01"; got != want {
		t.Fatalf("Seal of a withdrawal = %q, want %q", got, want)
	}
}

// That some services only are allowed is under the seal, and ends with the grant.
func TestSealPartial(t *testing.T) {
	c := parse(t, "1.105.20000.c0ffee01").Seal(sealKey, "demo", sealRecord)
	if got, want := c.String(), "1.105.20000.c0ffee01.00112233445566778899aabbccddeeff.tOpeYbR5jZCtP3BZrfYb-g"; got != want {
		t.Fatalf("Seal = %q, want %q", got, want)
	}
	whole := c
	whole.Partial = false
	if whole.Verify(sealKey, "demo") {
		t.Fatal("Verify = true, want false for a choice that was made whole")
	}
	c.Granted = consent.Essential
	if got, want := c.Seal(sealKey, "demo", sealRecord).String(), "1.01.20000.c0ffee01"; got != want {
		t.Fatalf("Seal of a withdrawal = %q, want %q", got, want)
	}
}

func TestVerifyFailure(t *testing.T) {
	f := func(name string, c consent.Choice, key []byte, site string) {
		t.Helper()
		if c.Verify(key, site) {
			t.Fatalf("%s: Verify(%q) = true, want false", name, c)
		}
	}
	sealed := parse(t, sealedText)
	unsealed := parse(t, "1.05.20000.c0ffee01")
	rotated := append([]byte{0xff}, sealKey[1:]...)

	f("unsealed", unsealed, sealKey, "demo")
	f("other site", sealed, sealKey, "demo2")
	f("no site", sealed, sealKey, "")
	f("rotated key", sealed, rotated, "demo")
	f("shorter key", sealed, sealKey[:31], "demo")
	f("empty key", sealed, nil, "demo")
	f("sealed under an empty key", unsealed.Seal(nil, "demo", sealRecord), nil, "demo")
	f("forged with zeros", parse(t, sealedText[:len(sealedText)-22]+strings.Repeat("A", 22)), sealKey, "demo")

	// The zero byte keeps a site's end and the text's beginning apart.
	f("shifted border", sealed, sealKey, "demo\x001")

	altered := sealed
	altered.Granted |= consent.Advertising
	f("more granted", altered, sealKey, "demo")
	altered = sealed
	altered.Day++
	f("another day", altered, sealKey, "demo")
	altered = sealed
	altered.GPC = true
	f("signal added", altered, sealKey, "demo")
	altered = sealed
	altered.Record[15] ^= 1
	f("another record", altered, sealKey, "demo")
	altered = sealed
	altered.Sealed = true
	altered.Notice = "c0ffee02"
	f("another notice", altered, sealKey, "demo")
}

// Every byte of a sealed text counts: changed to any other value, it is malformed or does not verify.
func TestVerifyEveryByte(t *testing.T) {
	wellFormed := 0
	for i := range len(sealedText) {
		for b := range 256 {
			if byte(b) == sealedText[i] {
				continue
			}
			text := []byte(sealedText)
			text[i] = byte(b)
			c, err := consent.ParseChoice(string(text))
			if err != nil {
				continue
			}
			wellFormed++
			if c.Verify(sealKey, "demo") {
				t.Fatalf("Verify(%q) = true, want false with byte %d changed", text, i)
			}
		}
	}
	if wellFormed < 1000 {
		t.Fatalf("%d changed texts were well-formed, want most of the digits' changes", wellFormed)
	}
}

func TestVerifyTruncated(t *testing.T) {
	for n := range len(sealedText) {
		c, err := consent.ParseChoice(sealedText[:n])
		if err == nil && c.Verify(sealKey, "demo") {
			t.Fatalf("Verify(%q) = true, want false", sealedText[:n])
		}
	}
}

func TestNoticeID(t *testing.T) {
	f := func(material, want string) {
		t.Helper()
		if got := consent.NoticeID([]byte(material)); got != want {
			t.Fatalf("NoticeID(%q) = %q, want %q", material, got, want)
		}
	}
	f("", "e3b0c442")
	f("abc", "ba7816bf")
}

func parse(tb testing.TB, text string) consent.Choice {
	tb.Helper()
	c, err := consent.ParseChoice(text)
	if err != nil {
		tb.Fatalf("ParseChoice(%q): %v", text, err)
	}
	return c
}

func BenchmarkParseAndVerify(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c, err := consent.ParseChoice(sealedText)
		if err != nil || !c.Verify(sealKey, "demo") {
			b.Fatalf("ParseChoice(%q) = %v, want it to verify", sealedText, err)
		}
	}
}

func TestSealerAllocations(t *testing.T) {
	if raceEnabled {
		return
	}
	sealer, choice := consent.NewSealer(sealKey, "demo"), parse(t, sealedText)
	if got := testing.AllocsPerRun(100, func() {
		if !sealer.Verify(choice) || sealer.Seal(choice, sealRecord) != choice {
			t.Fatal("Verify = false, want true for what was sealed")
		}
	}); got != 0 {
		t.Errorf("Verify and Seal allocate %v times, want none", got)
	}
}

func BenchmarkVerify(b *testing.B) {
	sealer, choice := consent.NewSealer(sealKey, "demo"), parse(b, sealedText)
	b.ReportAllocs()
	for b.Loop() {
		sealer.Verify(choice)
	}
}
