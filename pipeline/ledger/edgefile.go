package ledger

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"heed/pipeline/durable"
	"heed/pipeline/wal"
)

// edgeFile is what stands in edge.json.
type edgeFile struct {
	Version int     `json:"version"`
	ID      string  `json:"id"`   // whose counts they are: the log's id, or a random one where there is no log
	Next    wal.Pos `json:"next"` // the log is counted up to here
	Sites   Counts  `json:"sites"`
}

// openEdgeFile reads the counts of the processes before this one. Those of another log are not this one's: they have
// been published under its id.
func openEdgeFile(dir, id string) (edgeFile, error) {
	fresh := edgeFile{Version: fileVersion, ID: id}
	if id == "" {
		fresh.ID = rand.Text()
	}
	name := edgeFileName(dir)
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, fresh.write(dir)
	}
	if err != nil {
		return edgeFile{}, fmt.Errorf("read ledger: %w", err)
	}
	var f edgeFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return edgeFile{}, fmt.Errorf("decode ledger %q: %w; restore it from a copy, or move it away together with the log",
			name, err)
	}
	if f.Version > fileVersion {
		return edgeFile{}, fmt.Errorf("ledger %q has version %d, this program knows %d: it was written by a newer heed; run that one",
			name, f.Version, fileVersion)
	}
	if id != "" && f.ID != id {
		return fresh, fresh.write(dir)
	}
	return f, nil
}

// write makes the counts durable.
func (f edgeFile) write(dir string) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode ledger: %w", err)
	}
	if err := durable.WriteFile(edgeFileName(dir), raw); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

func edgeFileName(dir string) string { return filepath.Join(dir, "edge.json") }
