package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"heed/pipeline/durable"
	"heed/pipeline/load"
)

// Erased counts, by site, rows that were stored and then taken out again, since the visitor had ended the consent record
// that they carry. The truth is in the store; erased.json is what is known of it where the store is not asked.
type Erased map[string]uint64

// settle moves what was erased from stored to withdrawn. More than was counted as stored cannot move: counting may have
// begun later than storing.
func (e Erased) settle(site string, ends load.Ends) load.Ends {
	moved := min(e[site], ends.Stored)
	ends.Stored -= moved
	ends.Withdrawn += moved
	return ends
}

// erasedFile is what stands in erased.json.
type erasedFile struct {
	Version int    `json:"version"`
	Sites   Erased `json:"sites"`
}

// openErased reads what was known last; nothing when there is none.
func openErased(dir string) (Erased, error) {
	name := filepath.Join(dir, "erased.json")
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	var f erasedFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("decode ledger %q: %w; move it away: it is made again from the store", name, err)
	}
	if f.Version > fileVersion {
		return nil, fmt.Errorf("ledger %q has version %d, this program knows %d: it was written by a newer heed; run that one",
			name, f.Version, fileVersion)
	}
	return f.Sites, nil
}

// write makes the counts durable.
func (e Erased) write(dir string) error {
	raw, err := json.Marshal(erasedFile{fileVersion, e})
	if err != nil {
		return fmt.Errorf("encode ledger: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "erased.json"), raw); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}
