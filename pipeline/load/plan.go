package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"heed/pipeline/durable"
	"heed/pipeline/wal"
	"heed/schemas"
)

// planVersion is the newest version of a written plan that this program knows.
const planVersion = 2 // 1 had no counts

// Plan says what may be in ClickHouse: all before From is, [From, To) may be in part, and nothing from To on is.
// It is durable before the first row of [From, To) is sent.
type Plan struct {
	Version int     `json:"version"`
	Log     string  `json:"log"` // id of the log that the positions belong to
	From    wal.Pos `json:"from"`
	To      wal.Pos `json:"to"`
	// Again counts the tokens of this range that were given up, since they were remembered without their part.
	Again int `json:"again,omitempty"`

	// The ends of all events before From, also of logs before this one. Empty where the ends go to the store.
	Since time.Time       `json:"since,omitzero"`
	Sites map[string]Ends `json:"sites,omitempty"`
}

// pending reports whether the plan has a range whose outcome has to be settled.
func (p Plan) pending() bool { return p.From != p.To }

// Encode writes the plan for a Plans that keeps text.
func (p Plan) Encode() ([]byte, error) {
	p.Version = planVersion
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode load plan: %w", err)
	}
	return raw, nil
}

// DecodePlan reads what Encode has written. The error wraps schemas.ErrTooNew when a newer program wrote it.
func DecodePlan(raw []byte) (Plan, error) {
	var p Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return Plan{}, fmt.Errorf("decode load plan: %w", err)
	}
	if p.Version > planVersion {
		return Plan{}, fmt.Errorf("load plan has version %d, this program knows %d: %w: run the newer heed that wrote it",
			p.Version, planVersion, schemas.ErrTooNew)
	}
	return p, nil
}

// Plans keeps the plan of one Loader where its successor finds it. It is used by one goroutine at a time.
type Plans interface {
	// Read returns the plan written last, by whomever, or the zero Plan when there is none.
	Read(ctx context.Context) (Plan, error)
	// Write makes a plan durable in place of the one before. After an error it may have been written or not. Once
	// another Loader may have read the plan, Write changes nothing any more and returns an error that is ErrFenced.
	Write(ctx context.Context, p Plan) error
}

// filePlans keeps the plan in a file. The process that has the log open is the only one to use it.
type filePlans struct{ name string }

// FilePlans keeps the plan in dir, which is made when missing. Whoever uses it must be the only one to.
func FilePlans(dir string) (Plans, error) {
	if dir == "" {
		return nil, errors.New("load.dir: must name a folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make load folder: %w", err)
	}
	return filePlans{filepath.Join(dir, "plan.json")}, nil
}

// Read reads the file.
func (f filePlans) Read(context.Context) (Plan, error) {
	raw, err := os.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return Plan{}, nil
	}
	if err != nil {
		return Plan{}, fmt.Errorf("read load plan: %w", err)
	}
	p, err := DecodePlan(raw)
	if errors.Is(err, schemas.ErrTooNew) {
		return Plan{}, fmt.Errorf("file %q: %w", f.name, err)
	}
	if err != nil {
		return Plan{}, fmt.Errorf("file %q: %w; restore it from a copy, or move it away to load the whole log again: "+
			"rows that are already stored are recognised", f.name, err)
	}
	return p, nil
}

// Write replaces the file.
func (f filePlans) Write(_ context.Context, p Plan) error {
	raw, err := p.Encode()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(f.name, raw); err != nil {
		return fmt.Errorf("write load plan: %w", err)
	}
	return nil
}
