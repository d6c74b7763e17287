package record

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// The text of a checkpoint, under which the signatures stand (the signed note of golang.org/x/mod/sumdb/note; its first
// three lines are those of any transparency log's checkpoint):
//
//	<signer>/<site>
//	<rows, decimal>
//	<root hash of the tree over all rows, base64>
//	heed.consent.checkpoint.v1
//	day <the UTC day whose records it closes, 2026-11-22>
//	head <hash of the last row, base64>
//	edge <root of each complete subtree from left to right, base64>    0 to 53 lines
//
// Head and edge are all that is needed to go on without the rows before. The edge gives the root.
const (
	checkpointMark     = "heed.consent.checkpoint.v1"
	maxCheckpointBytes = 8 << 10
)

// Checkpoint is the state of a site's chain at the end of a day: the daily root.
type Checkpoint struct {
	Site string
	Day  string // UTC, as 2026-11-22
	Size uint64 // rows
	Root Hash   // of the tree over the hashes of all rows
	Head Hash   // of the last row
	Edge []Hash // roots of the complete subtrees, from left to right
}

// Checkpoint returns the state of c, closing the given UTC day. It is worth something once it is signed and elsewhere.
func (c *Chain) Checkpoint(day time.Time) (Checkpoint, error) {
	root, err := c.tree.Root()
	if err != nil {
		return Checkpoint{}, err
	}
	edge, err := c.tree.Edge()
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{c.site, day.UTC().Format(time.DateOnly), c.Size(), root, c.head, edge}, nil
}

// tree returns the tree at cp, whose edge must give the root.
func (cp Checkpoint) tree(whole bool) (*Tree, error) {
	tree, err := treeAt(cp.Size, cp.Edge, whole)
	if err != nil {
		return nil, fmt.Errorf("checkpoint of %s: %w", cp.Day, err)
	}
	root, err := tree.Root()
	if err != nil || root != cp.Root {
		return nil, fmt.Errorf("checkpoint of %s: its edge does not give its root", cp.Day)
	}
	if cp.Size == 0 && cp.Head != genesis(cp.Site) {
		return nil, fmt.Errorf("checkpoint of %s: no rows, yet a head", cp.Day)
	}
	return tree, nil
}

func (cp Checkpoint) text(signer string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s\n%d\n%s\n%s\nday %s\nhead %s\n", signer, cp.Site, cp.Size, base64Of(cp.Root), checkpointMark,
		cp.Day, base64Of(cp.Head))
	for _, hash := range cp.Edge {
		fmt.Fprintf(&b, "edge %s\n", base64Of(hash))
	}
	return b.String()
}

// parseCheckpoint reads what text writes, and nothing else.
func parseCheckpoint(text, signer string) (cp Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 7 || lines[3] != checkpointMark {
		return cp, fmt.Errorf("not a checkpoint of the known version")
	}
	cp.Site = strings.TrimPrefix(lines[0], signer+"/")
	if cp.Size, err = strconv.ParseUint(lines[1], 10, 53); err != nil {
		return cp, fmt.Errorf("the number of rows cannot be read")
	}
	cp.Root = hashOf(lines[2])
	cp.Day = strings.TrimPrefix(lines[4], "day ")
	cp.Head = hashOf(strings.TrimPrefix(lines[5], "head "))
	for _, line := range lines[6 : len(lines)-1] {
		cp.Edge = append(cp.Edge, hashOf(strings.TrimPrefix(line, "edge ")))
	}
	if _, err := time.Parse(time.DateOnly, cp.Day); err != nil || cp.text(signer) != text {
		return Checkpoint{}, fmt.Errorf("its lines are not in their one form")
	}
	var c checks
	if c.name(cp.Site, "site"); len(c.found) > 0 {
		return Checkpoint{}, c.err("checkpoint")
	}
	_, err = cp.tree(false)
	return cp, err
}

func base64Of(hash Hash) string { return base64.StdEncoding.EncodeToString(hash[:]) }

// hashOf returns the hash that text tells, or the zero hash: who calls it writes the text anew and compares.
func hashOf(text string) (hash Hash) {
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil && len(raw) == len(hash) {
		copy(hash[:], raw)
	}
	return hash
}

// Signer signs checkpoints with Ed25519.
type Signer struct {
	key      ed25519.PrivateKey
	verifier note.Verifier
	public   string
}

// NewSigner returns the signer of an install. name tells whose roots these are, for example consent.example.com; it has
// no spaces, slashes or plus signs.
func NewSigner(name string, key ed25519.PrivateKey) (*Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("signing key of %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	var c checks
	if c.name(name, "name"); len(c.found) > 0 {
		return nil, c.err("signer")
	}
	public, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("signer %q: %w", name, err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("signer %q: %w", name, err)
	}
	return &Signer{key, verifier, public}, nil
}

// PublicKey returns the line by which others check the signatures: name, fingerprint and key.
func (s *Signer) PublicKey() string { return s.public }

// Sign returns the signed note of cp.
func (s *Signer) Sign(cp Checkpoint) ([]byte, error) {
	text := cp.text(s.verifier.Name())
	if _, err := parseCheckpoint(text, s.verifier.Name()); err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, noteSigner{s})
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of %s: %w", cp.Day, err)
	}
	return signed, nil
}

// noteSigner makes a Signer a note.Signer without showing that to others.
type noteSigner struct{ *Signer }

func (s noteSigner) Name() string                     { return s.verifier.Name() }
func (s noteSigner) KeyHash() uint32                  { return s.verifier.KeyHash() }
func (s noteSigner) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.key, text), nil }

// SiteOf returns the site that a signed note says it is of, without a look at its signature; "" when it names none.
func SiteOf(signed []byte) string {
	line, _, _ := bytes.Cut(signed, []byte("\n"))
	_, site, _ := strings.Cut(string(line), "/")
	var c checks
	if c.name(site, "site"); len(c.found) > 0 {
		return ""
	}
	return site
}

// OpenCheckpoint returns the checkpoint of a signed note. publicKey is what Signer.PublicKey returned, from a source that
// is not the note's. One signature more or less, or another form of the same, is an error too: a note has one text.
func OpenCheckpoint(signed []byte, publicKey string) (Checkpoint, error) {
	if len(signed) > maxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %d bytes long, at most %d are allowed", len(signed), maxCheckpointBytes)
	}
	verifier, err := note.NewVerifier(publicKey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: public key: %w", err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	sig := opened.Sigs[0]
	only := fmt.Sprintf("%s\n— %s %s\n", opened.Text, sig.Name, sig.Base64)
	if !bytes.Equal([]byte(only), signed) {
		return Checkpoint{}, fmt.Errorf("open checkpoint: more in it than one signed text")
	}
	cp, err := parseCheckpoint(opened.Text, verifier.Name())
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	return cp, nil
}
