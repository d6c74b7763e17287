package clickhouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"heed/consent/record"
)

// Root is a signed checkpoint of a site's chain.
type Root struct {
	Site    string
	Size    uint64 // rows that it covers
	Day     string // UTC, as 2026-11-22
	Note    []byte // the signed note
	Key     string // the public key that it was signed with, as its maker says
	Made    time.Time
	Sent    time.Time // when every destination had it; zero until then
	SentTo  string    // the destinations, for a person
	Expired bool      // the rows before Size are no longer kept
}

// PutRoot keeps a root, in place of an earlier state of the same.
func (s *Store) PutRoot(ctx context.Context, root Root) error {
	if err := insertInRoom(ctx, s, target{table: "consent_roots"}, rootColumns, []storedRoot{{root, time.Now()}}); err != nil {
		return fmt.Errorf("put the root of %s of site %q: %w", root.Day, root.Site, err)
	}
	return nil
}

// Roots returns the roots of a site, the smallest first; those of all sites, one after the other, when site is empty.
func (s *Store) Roots(ctx context.Context, site string) ([]Root, error) {
	return s.readRoots(ctx, "roots", driver.Named("site", site))
}

// UnsentRoots returns 10,000 at most of the roots that some destination does not have, the oldest first.
func (s *Store) UnsentRoots(ctx context.Context) ([]Root, error) {
	return s.readRoots(ctx, "unsent_roots")
}

func (s *Store) readRoots(ctx context.Context, query string, args ...any) (roots []Root, err error) {
	if err := s.catchUp(ctx, "consent_roots"); err != nil {
		return nil, fmt.Errorf("read roots: %w", err)
	}
	rows, err := s.conn.Query(s.reading(ctx), statementText(query), args...)
	if err != nil {
		return nil, fmt.Errorf("read roots: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var root Root
		var day time.Time
		if err := rows.Scan(&root.Site, &root.Size, &day, &root.Note, &root.Key, &root.Made, &root.Sent, &root.SentTo, &root.Expired); err != nil {
			return nil, fmt.Errorf("read roots: %w", err)
		}
		if root.Day = day.Format(time.DateOnly); root.Sent.UnixMilli() == 0 {
			root.Sent = time.Time{}
		}
		roots = append(roots, root)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read roots: %w", err)
	}
	return roots, nil
}

// storedRoot is a row of the table consent_roots.
type storedRoot struct {
	Root
	changed time.Time
}

// rootColumns are the columns of the table consent_roots.
var rootColumns = []column[storedRoot]{
	{"site", lowCardinality, words(func(r storedRoot) string { return r.Site })},
	{"size", "UInt64", each(func(r storedRoot) uint64 { return r.Size })},
	{"day", "Date", each(func(r storedRoot) string { return r.Day })},
	{"note", "String", each(func(r storedRoot) []byte { return r.Note })},
	{"key", lowCardinality, words(func(r storedRoot) string { return r.Key })},
	{"made", milliseconds, each(func(r storedRoot) time.Time { return r.Made })},
	{"sent", milliseconds, each(func(r storedRoot) int64 { return max(0, r.Sent.UnixMilli()) })},
	{"sent_to", "String", each(func(r storedRoot) string { return r.SentTo })},
	{"expired", "Bool", each(func(r storedRoot) bool { return r.Expired })},
	{"changed", milliseconds, each(func(r storedRoot) time.Time { return r.changed })},
}

// PutNotices archives those of a site's notices that are not in the archive yet. What is there is never replaced.
func (s *Store) PutNotices(ctx context.Context, site string, notices []record.Archived) error {
	known, err := s.NoticeHashes(ctx, site)
	if err != nil {
		return err
	}
	now, have := time.Now(), map[string]bool{}
	for _, shown := range known {
		have[shown] = true
	}
	var rows []storedNotice
	for _, n := range notices {
		if shown := n.Ref.Shown.String(); !have[shown] {
			have[shown] = true
			rows = append(rows, storedNotice{site, n, now})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := insertInRoom(ctx, s, target{table: "consent_notices"}, noticeColumns, rows); err != nil {
		return fmt.Errorf("archive %d notices of site %q: %w", len(rows), site, err)
	}
	return nil
}

// NoticeHashes lists the archived notices of a site by shown_hash.
func (s *Store) NoticeHashes(ctx context.Context, site string) (hashes []string, err error) {
	if err := s.catchUp(ctx, "consent_notices"); err != nil {
		return nil, fmt.Errorf("list notices of site %q: %w", site, err)
	}
	row := s.conn.QueryRow(s.reading(ctx), statementText("notice_hashes"), driver.Named("site", site))
	if err := row.Scan(&hashes); err != nil {
		return nil, fmt.Errorf("list notices of site %q: %w", site, err)
	}
	return hashes, nil
}

// StoredNotice is a notice as the archive has it: nobody has looked whether the text is what the hashes say.
type StoredNotice struct {
	Site, ID        string
	Shown, Material string // hexadecimal
	Text            []byte
}

// Notice fetches a notice by shown_hash or the first digits of it, of any site when site is empty; false when there is none.
func (s *Store) Notice(ctx context.Context, site, shown string) (n StoredNotice, ok bool, err error) {
	row := s.conn.QueryRow(s.reading(ctx), statementText("notice"), driver.Named("site", site), driver.Named("shown", shown))
	err = row.Scan(&n.Site, &n.ID, &n.Shown, &n.Material, &n.Text)
	if errors.Is(err, sql.ErrNoRows) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("fetch notice %q: %w", shown, err)
	}
	return n, true, nil
}

// storedNotice is a row of the table consent_notices.
type storedNotice struct {
	site string
	record.Archived
	at time.Time
}

// noticeColumns are the columns of the table consent_notices.
var noticeColumns = []column[storedNotice]{
	{"site", lowCardinality, words(func(n storedNotice) string { return n.site })},
	{"shown", "String", each(func(n storedNotice) string { return n.Ref.Shown.String() })},
	{"id", lowCardinality, words(func(n storedNotice) string { return n.Ref.ID })},
	{"material", "String", each(func(n storedNotice) string { return n.Ref.Material.String() })},
	{"text", "String", each(func(n storedNotice) []byte { return n.Text })},
	{"stored", milliseconds, each(func(n storedNotice) time.Time { return n.at })},
}
