package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heed/consent/record"
	"heed/pipeline/clickhouse"
	"heed/pipeline/records"
)

// consentQuestion is what is asked of the stored consent records.
type consentQuestion struct {
	Verb   string
	Site   string // "" for every site
	Name   string // a record's id, or a notice's shown_hash
	From   time.Time
	To     time.Time // excluded
	Format string
	Keys   []string       // public keys to trust beside our own
	Notes  []records.Note // signed roots from elsewhere
	Sign   bool
	JSON   bool
}

// The verbs of heed consent that are about what is stored.
const (
	consentVerify  = "verify"
	consentExport  = "export"
	consentProof   = "proof"
	consentNotice  = "notice"
	consentReceipt = "receipt"
	consentRoots   = "roots"
	consentKey     = "key"
)

const consentPlace = " While heed serve runs on the data folder, it is asked; else the store is opened."

func consentRecordCommands() []command {
	return []command{
		consentRecordCommand(consentVerify, "[--site ID] [--roots FILE,…]", "Say whether consent records are what they were.",
			"Rows are held against their chain and the signed roots, columns against records, notices against their hashes. "+
				"What is broken is named, the first row of it, and the status is 1. Roots from elsewhere, given by --roots, prove "+
				"that what they cover was never changed; without them only that the store holds together.",
			"--site shop --roots shop.2026-11-22.1402.note"),
		consentRecordCommand(consentExport, "[--site ID] [range]", "Print consent records.",
			"As jsonl each line is a row of the chain with its hashes, which anybody can check; as csv what is in the columns.",
			"--site shop --from 2026-11-01 --format csv"),
		consentRecordCommand(consentProof, "ID", "Prove that a consent record is among those that were signed.",
			"With --json it prints the proof, which needs nothing but the root that it leads to.",
			"019aab3c2f4d7aaabbbbccccddddeeee --json"),
		consentRecordCommand(consentNotice, "SHOWN_HASH", "Print a notice, byte for byte as it was shown.", "",
			"0d1f…64 digits"),
		consentRecordCommand(consentReceipt, "ID", "Print the visitor's receipt of a consent record.",
			"With --json it prints the ISO/IEC TS 27560 document.", "019aab3c2f4d7aaabbbbccccddddeeee"),
		consentRecordCommand(consentRoots, "[--site ID] [--sign]", "List the signed roots, and which have left this machine.", "",
			"--site shop"),
		consentRecordCommand(consentKey, "", "Print the public key by which roots are checked.",
			"Keep it where nobody can change it together with the records.", ""),
	}
}

func consentRecordCommand(verb, args, summary, detail, example string) command {
	c := command{
		name: "consent " + verb, args: args, summary: summary, example: strings.TrimSpace("heed consent " + verb + " " + example),
		operand: verb == consentProof || verb == consentNotice || verb == consentReceipt,
		own:     func(f *flags) { consentFlags(f, verb) },
		run:     func(ctx context.Context, p *program, f *flags) error { return runConsentRecords(ctx, p, f, verb) },
	}
	if c.detail = detail; verb != consentKey {
		c.detail = strings.TrimSpace(detail + consentPlace)
	}
	return c
}

func consentFlags(f *flags, verb string) {
	if verb != consentKey {
		f.set.String("site", "", "The site's `id`; every site's when left out.")
	}
	switch verb {
	case consentVerify:
		f.set.String("roots", "", "`Files` of signed roots that were kept elsewhere, or folders of them, separated by commas.")
	case consentExport:
		f.set.String("from", "", "First `day` (UTC), as 2026-11-01.")
		f.set.String("to", "", "Last `day` (UTC).")
		f.set.String("format", "jsonl", "`jsonl` or csv.")
	case consentRoots:
		f.set.Bool("sign", false, "First sign what has come since the last root, and send what is not sent.")
	}
	if verb == consentVerify || verb == consentProof {
		f.set.String("key", "", "Public `keys` of earlier signers, separated by commas.")
	}
	if verb != consentKey && verb != consentExport && verb != consentNotice {
		f.set.Bool("json", false, "Print JSON.")
	}
}

func runConsentRecords(ctx context.Context, p *program, f *flags, verb string) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	q, err := readConsentQuestion(f, verb)
	if err != nil {
		return err
	}
	if verb == consentKey {
		return printConsentKey(p.stdout, cfg)
	}
	if cfg.ClickHouse.DSN == "" {
		err = askOffice(ctx, p, cfg, consentPath, q)
		if !errors.Is(err, errNotRunning) {
			return err
		}
	}
	return withConsentStore(ctx, p, cfg, func(office *consentOffice) error { return q.answer(ctx, office, p.stdout) })
}

// readConsentQuestion reads the command's own flags, and the files that they name.
func readConsentQuestion(f *flags, verb string) (q consentQuestion, err error) {
	q.Verb = verb
	if f.operand != nil {
		q.Name = strings.ReplaceAll(*f.operand, "-", "")
	}
	has := func(name string) bool { return f.set.Lookup(name) != nil }
	if has("site") {
		q.Site = f.text("site")
	}
	if has("key") {
		q.Keys = splitList(f.text("key"))
	}
	q.JSON, q.Sign = has("json") && f.on("json"), has("sign") && f.on("sign")
	switch verb {
	case consentVerify:
		if q.Notes, err = readNotes(splitList(f.text("roots"))); err != nil {
			return q, &usageError{"--roots: " + err.Error()}
		}
		q.Notes = slices.DeleteFunc(q.Notes, q.passesOver)
	case consentExport:
		if q.Format = f.text("format"); q.Format != "jsonl" && q.Format != "csv" {
			return q, &usageError{fmt.Sprintf("--format: %q is neither jsonl nor csv", q.Format)}
		}
		return q, q.readDays(f)
	case consentProof, consentReceipt:
		if err := new(record.ID).UnmarshalText([]byte(q.Name)); err != nil {
			return q, &usageError{"name a record by its id, 32 hex digits, as in: heed consent " + verb + " 019aab3c2f4d7aaabbbbccccddddeeee"}
		}
	case consentNotice:
		if _, err := record.ParseHash(q.Name); err != nil {
			return q, &usageError{"name a notice by its shown_hash, 64 hex digits"}
		}
	}
	return q, nil
}

// passesOver tells whether a note names another site than the one that is asked for. One that names none is a finding.
func (q *consentQuestion) passesOver(note records.Note) bool {
	site := record.SiteOf(note.Text)
	return q.Site != "" && site != "" && site != q.Site
}

// readNotes reads signed roots from files, and from all files of folders whose names end in .note.
func readNotes(names []string) (notes []records.Note, err error) {
	for _, name := range names {
		files := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(name, "*.note")); err != nil || len(files) == 0 {
				return nil, fmt.Errorf("there is no *.note in %s", name)
			}
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			notes = append(notes, records.Note{Name: file, Text: text})
		}
	}
	return notes, nil
}

func (q *consentQuestion) readDays(f *flags) error {
	for _, flag := range []struct {
		name string
		at   *time.Time
		days int
	}{{"from", &q.From, 0}, {"to", &q.To, 1}} {
		text := f.text(flag.name)
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return &usageError{fmt.Sprintf("--%s: %q is no day; write one as 2026-11-22", flag.name, text)}
		}
		*flag.at = day.AddDate(0, 0, flag.days)
	}
	return nil
}

func splitList(text string) (list []string) {
	for item := range strings.SplitSeq(text, listSeparator) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// printConsentKey prints the public key, for which nothing is asked and nothing opened but the secret.
func printConsentKey(w io.Writer, cfg *Config) error {
	secret, err := cfg.knownSecret()
	if err != nil {
		return err
	}
	signer, err := cfg.signer(secret)
	if err != nil {
		return err
	}
	if signer == nil {
		return fmt.Errorf("there is no key: no secret in %s, and neither install.secret_file nor records.key_file is set", cfg.DataDir)
	}
	_, err = fmt.Fprintln(w, signer.PublicKey())
	return err
}

// consentOffice is where questions about consent records are answered.
type consentOffice struct {
	store   *clickhouse.Store
	auditor records.Auditor
	notary  *records.Notary // nil where nothing signs
	sendTo  records.Destinations
	sites   []Site
}

// choices is where the visitor of a record can choose again: the page's origin, or the site's first.
func (o *consentOffice) choices(r *record.Record) string {
	if r.Origin != "" {
		return r.Origin + "/"
	}
	for _, site := range o.sites {
		if site.ID == r.Site {
			return site.Origins[0] + "/"
		}
	}
	return ""
}

// consentOffice opens the office over a store. secret is the install's, nil where there is none.
func (c *Config) consentOffice(p *program, store *clickhouse.Store, secret *install, notary *records.Notary) (*consentOffice, error) {
	signer, err := c.signer(secret)
	if err != nil {
		return nil, err
	}
	to, err := c.Records.destinations()
	if err != nil {
		return nil, err
	}
	office := &consentOffice{
		store: store, notary: notary, sendTo: to, sites: c.Sites,
		auditor: records.Auditor{Store: store, ProofYears: c.Records.ProofYears, Now: p.now},
	}
	office.auditor.Keys, err = rootKeys(secret, signer)
	return office, err
}

// answer does what is asked and prints what came of it.
func (q consentQuestion) answer(ctx context.Context, office *consentOffice, w io.Writer) error {
	office.auditor.Keys = append(q.Keys, office.auditor.Keys...)
	office.auditor.Notes = q.Notes
	switch q.Verb {
	case consentVerify:
		return q.verify(ctx, office, w)
	case consentExport:
		return q.export(ctx, office, w)
	case consentProof:
		return q.prove(ctx, office, w)
	case consentNotice:
		return q.showNotice(ctx, office, w)
	case consentReceipt:
		return q.showReceipt(ctx, office, w)
	case consentRoots:
		return q.listRoots(ctx, office, w)
	}
	return fmt.Errorf("heed consent knows no %q", q.Verb)
}

// sites are those that the question is about. One that nothing is known of is a slip: it would be found whole.
func (q consentQuestion) sites(ctx context.Context, office *consentOffice) ([]string, error) {
	sites, err := office.auditor.Sites(ctx)
	if err != nil || q.Site == "" {
		return sites, err
	}
	for _, site := range office.sites {
		sites = append(sites, site.ID)
	}
	if !slices.Contains(sites, q.Site) {
		return nil, fmt.Errorf("there is no site %q%s: it is not configured and has no rows and no roots (heed consent roots lists those that have)",
			q.Site, didYouMean(q.Site, sites))
	}
	return []string{q.Site}, nil
}
