package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"heed/pipeline/durable"
	"heed/schemas"
)

// fileVersion is the version of the file's format.
const fileVersion = 1

// Counts are rejected events by site and code.
type Counts map[string]map[schemas.Code]uint64

// plus returns the sum, which shares nothing with either.
func (c Counts) plus(more Counts) Counts {
	sum := make(Counts, len(c))
	for _, part := range []Counts{c, more} {
		for site, codes := range part {
			for code, n := range codes {
				if n == 0 {
					continue
				}
				sum.add(site, code, n)
			}
		}
	}
	return sum
}

// add counts n more in place.
func (c Counts) add(site string, code schemas.Code, n uint64) {
	if c[site] == nil {
		c[site] = map[schemas.Code]uint64{}
	}
	c[site][code] += n
}

// equal compares sums.
func (c Counts) equal(other Counts) bool {
	return maps.EqualFunc(c, other, func(a, b map[schemas.Code]uint64) bool { return maps.Equal(a, b) })
}

// file is what stands in rejected.json.
type file struct {
	Version int       `json:"version"`
	Since   time.Time `json:"since"` // when counting began
	Sites   Counts    `json:"sites"`
}

// openFile reads the counts of the processes before this one. Without them counting begins now.
func openFile(dir string, now time.Time) (file, error) {
	name := fileName(dir)
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := file{Version: fileVersion, Since: now.UTC()}
		return fresh, fresh.write(dir)
	}
	if err != nil {
		return file{}, fmt.Errorf("read ledger: %w", err)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return file{}, fmt.Errorf("decode ledger %q: %w; restore it from a copy, or move it away to count rejected events "+
			"from now on", name, err)
	}
	if f.Version > fileVersion {
		return file{}, fmt.Errorf("ledger %q has version %d, this program knows %d: it was written by a newer heed; run that one",
			name, f.Version, fileVersion)
	}
	return f, nil
}

// write makes the counts durable.
func (f file) write(dir string) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode ledger: %w", err)
	}
	if err := durable.WriteFile(fileName(dir), raw); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

func fileName(dir string) string { return filepath.Join(dir, "rejected.json") }
