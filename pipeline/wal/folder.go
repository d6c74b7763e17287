package wal

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"heed/pipeline/durable"
)

const (
	// formatVersion is that of folder, records and envelopes. It rises only when an older program must not read on.
	formatVersion = 1
	identityName  = "log.json"
	// maxGap bounds how many lost segments Open puts empty ones for. A larger gap is a foreign file, not a loss.
	maxGap = 1024
)

// identity is log.json.
type identity struct {
	ID      string `json:"id"`      // 32 hex digits
	Version int    `json:"version"` // formatVersion of the program that made the folder
}

// folder is what Open finds before anything is written.
type folder struct {
	id     string
	oldest uint32 // number of the oldest segment, 0 without any
	bytes  int64  // of all segments
	lock   *folderLock
}

// openFolder makes, locks and checks the folder, and gets its segments into a state on which wlog and readers can rely.
func openFolder(ctx context.Context, dir string, logger *slog.Logger) (f folder, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folder{}, fmt.Errorf("create log folder %q: %w", dir, err)
	}
	if f.lock, err = lockFolder(dir); err != nil {
		return folder{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.lock.release())
		}
	}()
	if err := ctx.Err(); err != nil {
		return f, fmt.Errorf("open log %q: %w", dir, err)
	}
	segments, err := listSegments(dir)
	if err != nil {
		return f, err
	}
	if f.id, err = openIdentity(dir, len(segments) > 0); err != nil {
		return f, err
	}
	if f.lock.unclean {
		logger.Warn("log was not closed in order, recovering", "dir", dir, "segments", len(segments))
	}
	if err := fillGaps(dir, segments, logger); err != nil {
		return f, err
	}
	if len(segments) > 0 {
		f.oldest = segments[0]
	}
	f.bytes, err = settle(dir, segments)
	return f, err
}

// openIdentity reads log.json. A log without segments gets a new id: it starts again at position zero, and a position
// must not name two events.
func openIdentity(dir string, hasSegments bool) (string, error) {
	path := filepath.Join(dir, identityName)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read log identity: %w", err)
	}
	var have identity
	parseErr := json.Unmarshal(text, &have)
	if parseErr == nil && have.Version > formatVersion {
		return "", fmt.Errorf("open log %q: %w: %s says version %d, this program knows up to %d; "+
			"start the newer heed again, or give this one a folder of its own",
			dir, ErrTooNew, identityName, have.Version, formatVersion)
	}
	if !hasSegments {
		return newIdentity(path)
	}
	const remedy = "put it back from a backup, or move the whole folder away to begin an empty log"
	if err != nil {
		return "", fmt.Errorf("read log identity %q: it is missing, but segments lie beside it; %s", path, remedy)
	}
	id, err := hex.DecodeString(have.ID)
	if err = errors.Join(parseErr, err); err != nil || len(id) != 16 || have.Version < 1 {
		return "", fmt.Errorf("read log identity %q: it is damaged (%w); %s", path, cmp.Or(err, errIdentity), remedy)
	}
	return have.ID, nil
}

var errIdentity = errors.New("it holds no log's id")

// newIdentity writes a fresh log.json.
func newIdentity(path string) (string, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	have := identity{ID: hex.EncodeToString(id[:]), Version: formatVersion}
	text, err := json.Marshal(have)
	if err != nil {
		return "", fmt.Errorf("encode log identity: %w", err)
	}
	if err := durable.WriteFile(path, append(text, '\n')); err != nil {
		return "", fmt.Errorf("write log identity: %w", full(err))
	}
	return have.ID, nil
}

// listSegments returns the numbers of the segments in dir in ascending order. A name is a segment's only in its exact
// form, so that quarantined and foreign files are left alone.
func listSegments(dir string) ([]uint32, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list log folder: %w", err)
	}
	var numbers []uint32
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 10, 31)
		if err != nil {
			continue
		}
		if e.Name() != filepath.Base(segmentPath(dir, uint32(n))) {
			return nil, fmt.Errorf("list log folder: %q is not the log's own: move it away", filepath.Join(dir, e.Name()))
		}
		numbers = append(numbers, uint32(n))
	}
	slices.Sort(numbers)
	return numbers, nil
}

// fillGaps puts an empty segment where one is missing, since wlog takes only an unbroken row. The log itself makes no
// gaps: somebody has removed a file. What is gone is gone; the rest must still be delivered.
func fillGaps(dir string, segments []uint32, logger *slog.Logger) error {
	for i := 1; i < len(segments); i++ {
		lost := segments[i] - segments[i-1] - 1
		if lost == 0 {
			continue
		}
		path := segmentPath(dir, segments[i-1]+1)
		if lost > maxGap {
			return fmt.Errorf("segment %q and %d after it are missing: put them back, or move segments up to %08d away",
				path, lost-1, segments[i-1])
		}
		logger.Error("segments are missing from the log, going on without them", "first", path, "count", lost)
		for n := segments[i-1] + 1; n < segments[i]; n++ {
			if err := durable.WriteFile(segmentPath(dir, n), nil); err != nil {
				return fmt.Errorf("fill gap in log: %w", full(err))
			}
		}
	}
	return nil
}

// settle makes the newest segment durable and measures all. After a SIGKILL the kernel still holds what was written but
// not synced. Readers will see it, hence it has to outlive a power cut from here on.
func settle(dir string, segments []uint32) (bytes int64, err error) {
	for _, n := range segments {
		info, err := os.Stat(segmentPath(dir, n))
		if err != nil {
			return 0, fmt.Errorf("measure segment: %w", err)
		}
		bytes += info.Size()
	}
	if len(segments) == 0 {
		return 0, nil
	}
	f, err := os.OpenFile(segmentPath(dir, segments[len(segments)-1]), os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("open newest segment: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("sync newest segment: %w", err)
	}
	return bytes, nil
}
