package record

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

// golden compares got with a file under testdata, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

// TestVectors holds every hash and signature to fixed values, so that no change of the code makes old proofs worthless.
func TestVectors(t *testing.T) {
	c, rows := build(t, someRecords(5))
	cp := checkpoint(t, c, 0)
	s := signer(t)
	signed, err := s.Sign(cp)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := checkProof(t, c.Tree(), rows[2], cp).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, row := range rows {
		text, err := row.Encode()
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(text, '\n'))
	}
	golden(t, "chain.jsonl", lines.Bytes())
	golden(t, "checkpoint.note", signed)
	golden(t, "checkpoint.pub", []byte(s.PublicKey()+"\n"))
	golden(t, "proof.json", append(proof, '\n'))
	golden(t, "notice.json", append(archive(t, someNotice()).Text, '\n'))
}
