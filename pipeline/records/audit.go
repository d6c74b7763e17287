package records

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
)

// AuditStore is what an Auditor reads. *clickhouse.Store is one.
type AuditStore interface {
	Chains
	// ChainStates lists the chains that have rows.
	ChainStates(ctx context.Context) ([]clickhouse.ChainState, error)
	// DoubledRecord returns a record that stands in two rows, and false when none does.
	DoubledRecord(ctx context.Context, site string) (record.ID, bool, error)
	// Record returns the row of a record, of any site when site is empty; false when there is none.
	Record(ctx context.Context, site string, id record.ID) (clickhouse.ConsentRow, bool, error)
	// NoticeHashes lists the archived notices of a site by shown_hash.
	NoticeHashes(ctx context.Context, site string) ([]string, error)
	// Notice fetches a notice by shown_hash, of any site when site is empty; false when there is none.
	Notice(ctx context.Context, site, shown string) (clickhouse.StoredNotice, bool, error)
}

var _ AuditStore = (*clickhouse.Store)(nil)

// Auditor holds what is stored against itself and against roots that have left the machine. It changes nothing.
type Auditor struct {
	// Store is what is audited.
	Store AuditStore
	// Keys are the public keys that are trusted to have signed, from the owner's files and not from the store.
	Keys []string
	// Notes are signed roots that were kept elsewhere.
	Notes []Note
	// ProofYears is how long records have to be kept after their choice has ended.
	ProofYears int
	// Now is the clock.
	Now func() time.Time
}

// Note is a signed root that was kept elsewhere.
type Note struct {
	Name string // as of its file
	Text []byte
}

// Report is what an audit of one site found.
type Report struct {
	Site     string    `json:"site"`
	First    uint64    `json:"first"`    // index of the first row that is kept
	Rows     uint64    `json:"rows"`     // of the chain, expired ones included
	Roots    int       `json:"roots"`    // stored, that hold
	Notes    int       `json:"notes"`    // from elsewhere, that hold and cover rows that are kept
	Covered  uint64    `json:"covered"`  // rows that the largest of those from elsewhere covers
	Notices  int       `json:"notices"`  // archived, that hold
	Findings []Finding `json:"findings"` // never nil
}

// Finding is one thing that is not what it was.
type Finding struct {
	// What is "row", "column", "root", "note" or "notice".
	What string `json:"what"`
	// Text says which, and how it differs.
	Text string `json:"text"`
}

func (r *Report) finds(what, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{what, fmt.Sprintf(format, args...)})
}

// Sites lists the sites that there is anything of: rows, stored roots, or roots from elsewhere, whoever may have signed them.
// So a site does not go unaudited because all of its rows are gone.
func (a Auditor) Sites(ctx context.Context) (sites []string, err error) {
	states, err := a.Store.ChainStates(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := a.Store.Roots(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, state := range states {
		sites = append(sites, state.Site)
	}
	for _, root := range roots {
		sites = append(sites, root.Site)
	}
	for _, note := range a.Notes {
		if site := record.SiteOf(note.Text); site != "" {
			sites = append(sites, site)
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites), nil
}

// Verify audits one site: the roots and notes by their signatures, the rows by chain and roots, the columns by the
// records, the notices by their hashes. Of the rows it names the first that is broken. Its error says that it could not
// look; what it found is in the report.
func (a Auditor) Verify(ctx context.Context, site string) (*Report, error) {
	report := &Report{Site: site, Findings: []Finding{}}
	from, roots, err := a.roots(ctx, report)
	if err != nil {
		return nil, err
	}
	if from != nil {
		report.First = from.Size
	}
	refs, err := a.rows(ctx, report, record.Audit{Site: site, From: from, Roots: roots})
	if err != nil {
		return nil, err
	}
	id, doubled, err := a.Store.DoubledRecord(ctx, site)
	if err != nil {
		return nil, err
	}
	if doubled {
		report.finds("row", "record %s stands in more than one row", id)
	}
	return report, a.notices(ctx, report, refs)
}

// roots opens what was signed: the stored roots and the notes of the site. from is the root before which rows have expired.
func (a Auditor) roots(ctx context.Context, report *Report) (from *record.Checkpoint, roots []record.Checkpoint, err error) {
	stored, err := a.Store.Roots(ctx, report.Site)
	if err != nil {
		return nil, nil, err
	}
	base := expiredBefore(stored)
	for _, root := range stored {
		checkpoint, err := a.open(root)
		if err != nil {
			report.finds("root", "%v", err)
			continue
		}
		report.Roots++
		roots = append(roots, checkpoint)
		if root.Expired && root.Size == base {
			from = &checkpoint
		}
	}
	since := provedSince(a.Now(), a.ProofYears)
	if from != nil && from.Day >= since {
		report.finds("root", "the rows before the root of %s are said to have expired, but those of roots since %s are to be kept (proof_years %d)",
			from.Day, since, a.ProofYears)
	}
	for _, note := range a.Notes {
		if site := record.SiteOf(note.Text); site != "" && site != report.Site {
			continue
		}
		checkpoint, err := a.openNote(note.Text)
		switch {
		case err != nil:
			report.finds("note", "%s: %v", note.Name, err)
		case from == nil || checkpoint.Size >= from.Size:
			report.Notes++
			report.Covered = max(report.Covered, checkpoint.Size)
			roots = append(roots, checkpoint)
		case checkpoint.Day >= since: // the rows that it could be held against are gone
			report.finds("note", "%s: it covers rows that are said to have expired, but those of roots since %s are to be kept (proof_years %d)",
				note.Name, since, a.ProofYears)
		}
	}
	return from, roots, nil
}

// open opens a stored root by one of the keys that are trusted, whatever key the store says.
func (a Auditor) open(root clickhouse.Root) (checkpoint record.Checkpoint, err error) {
	err = errNoKey
	for _, key := range a.Keys {
		if checkpoint, err = openRoot(root, key); err == nil {
			return checkpoint, nil
		}
	}
	return checkpoint, err
}

func (a Auditor) openNote(note []byte) (checkpoint record.Checkpoint, err error) {
	err = errNoKey
	for _, key := range a.Keys {
		if checkpoint, err = record.OpenCheckpoint(note, key); err == nil {
			return checkpoint, nil
		}
	}
	return checkpoint, err
}

var errNoKey = errors.New("there is no key to check signatures by")

// seen is a notice that a row names.
type seen struct {
	ref record.NoticeRef
	row uint64 // the first that does
}

// rows follows the chain and compares each row's columns with its record. It returns the notices that rows name.
func (a Auditor) rows(ctx context.Context, report *Report, audit record.Audit) (map[string]seen, error) {
	refs, differs := map[string]seen{}, false
	var first uint64
	if audit.From != nil {
		first = audit.From.Size
	}
	chain, err := audit.Verify(func(yield func(record.Row, error) bool) {
		for row, err := range a.Store.Records(ctx, report.Site, first) {
			if err == nil {
				differs = differs || report.compare(row, refs)
			}
			if !yield(row.Row, err) {
				return
			}
			report.Rows = row.Row.Index + 1
		}
	})
	var found *record.Break
	switch {
	case errors.As(err, &found):
		report.finds("row", "%v", found)
	case err != nil:
		return nil, err
	default:
		report.Rows = chain.Size()
	}
	return refs, nil
}

// compare looks whether a row's columns are what its record says, and notes which notice it names. It says whether it
// found a difference.
func (r *Report) compare(row clickhouse.ConsentRow, refs map[string]seen) bool {
	rec, err := record.Decode(row.Row.Record)
	if err != nil {
		return false // the chain says what is wrong with it, or a newer program wrote it
	}
	if shown := rec.Notice.Shown.String(); rec.Notice != (record.NoticeRef{}) {
		if _, known := refs[shown]; !known {
			refs[shown] = seen{rec.Notice, row.Row.Index}
		}
	}
	if want := clickhouse.NewConsentColumns(rec); row.Columns != want || row.Site != rec.Site {
		r.finds("column", "row %d, record %s: the columns are %+v, the record says %+v", row.Row.Index, rec.ID, row.Columns, want)
		return true
	}
	return false
}

// notices opens every archived notice of the site and looks for those that rows name.
func (a Auditor) notices(ctx context.Context, report *Report, refs map[string]seen) error {
	archived, err := a.Store.NoticeHashes(ctx, report.Site)
	if err != nil {
		return err
	}
	for _, shown := range archived {
		stored, ok, err := a.Store.Notice(ctx, report.Site, shown)
		if err != nil {
			return err
		}
		if ok {
			report.openNotice(stored, refs[shown].ref)
			delete(refs, shown)
		}
	}
	for shown, named := range refs {
		report.finds("notice", "notice %s, which row %d names, is not in the archive", shown, named.row)
	}
	return nil
}

// openNotice holds an archived notice against its hashes, and against what a record says of it.
func (r *Report) openNotice(stored clickhouse.StoredNotice, ref record.NoticeRef) {
	claimed, err := noticeRef(stored)
	if err == nil && ref != (record.NoticeRef{}) && ref != claimed {
		err = errors.New("its hashes are not those that records name")
	}
	if err == nil {
		_, err = record.OpenNotice(stored.Text, claimed)
	}
	if err != nil {
		r.finds("notice", "notice %s: %v", stored.Shown, err)
		return
	}
	r.Notices++
}

// noticeRef reads the hashes that a notice is archived under.
func noticeRef(stored clickhouse.StoredNotice) (ref record.NoticeRef, err error) {
	ref.ID = stored.ID
	if ref.Shown, err = record.ParseHash(stored.Shown); err != nil {
		return ref, fmt.Errorf("shown_hash: %w", err)
	}
	if ref.Material, err = record.ParseHash(stored.Material); err != nil {
		return ref, fmt.Errorf("material_hash: %w", err)
	}
	return ref, nil
}

// bare leaves of stored rows what the chain is about.
func bare(rows iter.Seq2[clickhouse.ConsentRow, error]) iter.Seq2[record.Row, error] {
	return func(yield func(record.Row, error) bool) {
		for row, err := range rows {
			if !yield(row.Row, err) {
				return
			}
		}
	}
}
