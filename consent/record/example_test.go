package record_test

import (
	"bufio"
	"bytes"
	"fmt"
	"iter"
	"os"
	"strings"

	"heed/consent/record"
)

// An auditor has an export of the chain, the public key (from the owner's files, not from the machine that is audited),
// the note that the owner was sent that evening, a proof and the archived notice.
func Example() {
	// 1. The note is signed by the key.
	root, err := record.OpenCheckpoint(read("checkpoint.note"), strings.TrimSpace(string(read("checkpoint.pub"))))
	fmt.Println(root.Site, root.Day, root.Size, "rows", err)

	// 2. The rows are those that were signed, all of them and in their order.
	audit := record.Audit{Site: "shop", Roots: []record.Checkpoint{root}}
	_, err = audit.Verify(rows(read("chain.jsonl")))
	fmt.Println("chain:", err)

	// 3. One record is among them; this needs the note and the proof alone.
	proof, err := record.DecodeProof(bytes.TrimSpace(read("proof.json")))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := proof.Check(root)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("record:", r.Event, r.Jurisdiction, r.Categories.Denied)

	// 4. The notice that was on the screen, byte for byte.
	notice := bytes.TrimSpace(read("notice.json"))
	shown, err := record.OpenNotice(notice, r.Notice)
	fmt.Println("notice:", shown.Look.Buttons[1].Label, err)

	// 5. The visitor's receipt.
	page, err := record.NewPage(r, shown)
	fmt.Println("receipt:", page.Controller.Name, page.At.Format("2006-01-02 15:04"), err)

	// 6. One byte less honest: in a row, in the root, in the archive.
	_, err = audit.Verify(rows(bytes.Replace(read("chain.jsonl"), []byte("Bavaria"), []byte("Bavarla"), 1)))
	fmt.Println(cut(err))
	_, err = record.OpenCheckpoint(bytes.Replace(read("checkpoint.note"), []byte("\n5\n"), []byte("\n4\n"), 1),
		strings.TrimSpace(string(read("checkpoint.pub"))))
	fmt.Println(err)
	_, err = record.OpenNotice(bytes.Replace(notice, []byte("#111"), []byte("#fff"), 1), r.Notice)
	fmt.Println(cut(err))

	// Output:
	// shop 2026-11-01 5 rows <nil>
	// chain: <nil>
	// record: withdraw EEA [functional performance advertising]
	// notice: Reject all <nil>
	// receipt: Shop Ltd 2026-11-01 00:02 <nil>
	// chain of shop breaks at row 0, record 01a19467e80070008000000000000000: hash_differs
	// open checkpoint: invalid signature for key consent.example+0e399ad6
	// notice 136cca1e: shown_hash
}

func read(name string) []byte {
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		panic(err)
	}
	return text
}

// rows reads an export line by line, as a store would hand out its rows.
func rows(export []byte) iter.Seq2[record.Row, error] {
	return func(yield func(record.Row, error) bool) {
		lines := bufio.NewScanner(bytes.NewReader(export))
		lines.Buffer(nil, record.MaxRowBytes+1)
		for lines.Scan() {
			if !yield(record.DecodeRow(lines.Bytes())) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(record.Row{}, err)
		}
	}
}

// cut leaves the hashes out of an error's text.
func cut(err error) string {
	text, _, _ := strings.Cut(fmt.Sprint(err), " is ")
	text, _, _ = strings.Cut(text, ": it says")
	return text
}
