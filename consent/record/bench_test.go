package record

import "testing"

func BenchmarkDecode(b *testing.B) {
	text, err := grant(1).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	_, rows := build(b, someRecords(1000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Audit{Site: "shop"}).Verify(seq(rows)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
