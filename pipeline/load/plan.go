package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"heed/pipeline/durable"
	"heed/pipeline/wal"
)

// planVersion is the version of the plan file's format.
const planVersion = 2 // 1 had no counts

// plan says what may be in ClickHouse: all before From is, [From, To) may be in part, and nothing from To on is.
// It is on disk before the first row of [From, To) is sent.
type plan struct {
	Version int     `json:"version"`
	Log     string  `json:"log"` // id of the log that the positions belong to
	From    wal.Pos `json:"from"`
	To      wal.Pos `json:"to"`

	// The ends of all events before From, also of logs before this one.
	Since time.Time       `json:"since"`
	Sites map[string]Ends `json:"sites"`
}

// pending reports whether the plan has a range whose outcome has to be settled.
func (p plan) pending() bool { return p.From != p.To }

// readPlan reads the plan of log from dir. Without a plan, or with that of another log, all of the log is to be read.
// Where nothing has been counted yet, counting begins now.
func readPlan(dir, log string, now time.Time) (plan, error) {
	fresh := plan{Version: planVersion, Log: log, Since: now.UTC()}
	name := filepath.Join(dir, "plan.json")
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return plan{}, fmt.Errorf("read load plan: %w", err)
	}
	var p plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return plan{}, fmt.Errorf("decode load plan %q: %w; restore it from a copy, or move it away to load the "+
			"whole log again: rows that are already stored are recognised", name, err)
	}
	if p.Version > planVersion {
		return plan{}, fmt.Errorf("load plan %q has version %d, this program knows %d: it was written by a newer heed; "+
			"run that one", name, p.Version, planVersion)
	}
	if p.Since.IsZero() {
		p.Since = fresh.Since
	}
	if p.Log != log {
		fresh.Since, fresh.Sites = p.Since, p.Sites
		return fresh, nil
	}
	return p, nil
}

// write makes the plan durable.
func (p plan) write(dir string) error {
	p.Version = planVersion
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode load plan: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "plan.json"), raw); err != nil {
		return fmt.Errorf("write load plan: %w", err)
	}
	return nil
}
