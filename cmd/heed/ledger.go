package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"

	"heed/pipeline/ledger"
	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

func ledgerCommand() command {
	return command{
		name: "ledger", args: "[--site ID]", summary: "Show what became of every event that arrived.",
		detail: "Arrived is rejected and accepted; accepted is stored, duplicate, withdrawn, dead-lettered and pending. It " +
			"asks the heed serve that runs on the same data folder, and reads the folder itself when none runs. With " +
			"kafka.brokers it adds up what the processes of a cluster have written into ClickHouse.",
		example: "heed ledger --site demo",
		own: func(f *flags) {
			f.set.String("site", "", "The site's `id`; every site when left out.")
			f.set.Bool("json", false, "Print the API's JSON.")
		},
		run: runLedger,
	}
}

// ledgerDocument is the answer to a question about all sites.
type ledgerDocument struct {
	Sites []ledger.Account `json:"sites"`
}

func runLedger(ctx context.Context, p *program, f *flags) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	site := f.text("site")
	cfg.Demo.Enabled = cfg.Demo.Enabled || site == demoSite // its counts remain after a demo has ended
	document, err := askLedger(ctx, p, cfg)
	if err != nil {
		return readable(err)
	}
	if site != "" {
		document.Sites = slices.DeleteFunc(document.Sites, func(a ledger.Account) bool { return a.Site != site })
		if len(document.Sites) == 0 {
			return fmt.Errorf("--site: there is no site %q", site)
		}
	}
	if f.on("json") {
		return json.NewEncoder(p.stdout).Encode(document)
	}
	return printLedger(p.stdout, document.Sites)
}

// askLedger reads the ledger where it is: a cluster's in its store, another in the process that runs on the data folder,
// or else in the folder itself.
func askLedger(ctx context.Context, p *program, cfg *Config) (document ledgerDocument, err error) {
	if cfg.isCluster() {
		return readClusterLedger(ctx, p, cfg)
	}
	err = askSocket(ctx, cfg, "/api/v1/ledger", &document)
	if errors.Is(err, errNotRunning) {
		return readLedger(ctx, p, cfg)
	}
	return document, err
}

// maxAnswerBytes bounds what the socket may answer.
const maxAnswerBytes = 64 << 20

// askSocket asks the process that runs on the data folder; errNotRunning when none does.
func askSocket(ctx context.Context, cfg *Config, path string, document any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://heed"+path, nil)
	if err != nil {
		return fmt.Errorf("ask heed serve: %w", err)
	}
	answer, err := socketClient(cfg.DataDir).Do(r)
	if err != nil {
		return fmt.Errorf("ask heed serve: %w", err)
	}
	defer answer.Body.Close()
	body := json.NewDecoder(io.LimitReader(answer.Body, maxAnswerBytes))
	if answer.StatusCode != http.StatusOK {
		refusal := &schemas.Error{}
		if err := body.Decode(refusal); err != nil {
			return fmt.Errorf("ask heed serve: status %d", answer.StatusCode)
		}
		return refusal
	}
	if err := body.Decode(document); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// readLedger reads the data folder itself: the counts, and the log to its end. No store is needed for that.
func readLedger(ctx context.Context, p *program, cfg *Config) (document ledgerDocument, err error) {
	unlock, err := lockExisting(cfg)
	if err != nil {
		return document, err
	}
	defer unlock()
	logger := cfg.logger(p.stderr)
	log, err := wal.Open(ctx, cfg.wal(), logger)
	if err != nil {
		return document, err
	}
	defer func() { err = errors.Join(err, log.Close(context.WithoutCancel(ctx))) }()
	loader, err := cfg.openLoader(ctx, p, load.Parts{Log: load.Local(log)}, logger) // no store: it does not run
	if err != nil {
		return document, err
	}
	accounts, err := ledger.Open(ledgerConfig(cfg, p), ledger.Sources{Log: log, Loader: loader}, logger)
	if err != nil {
		return document, err
	}
	if err := log.Close(ctx); err != nil { // so that following it has an end
		return document, err
	}
	if err := accounts.Run(ctx); err != nil {
		return document, err
	}
	return ledgerDocument{accounts.Accounts()}, ctx.Err()
}

func ledgerConfig(cfg *Config, p *program) ledger.Config {
	return ledger.Config{Dir: filepath.Join(cfg.DataDir, "ledger"), Sites: siteIDs(cfg), Now: p.now}
}

// accounting returns the accounts of all sites.
type accounting func(context.Context) ([]ledger.Account, error)

// withLedger answers questions about the ledger and hands on all others. The ledger of one process answers also while
// the store is away.
func withLedger(accounts accounting, others http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", others)
	mux.HandleFunc("/api/v1/ledger", onlyRead(accounts.serve(func(w http.ResponseWriter, _ *http.Request, all []ledger.Account) {
		writeJSON(w, http.StatusOK, ledgerDocument{all})
	})))
	mux.HandleFunc("/api/v1/sites/{site}/ledger", onlyRead(accounts.serve(func(w http.ResponseWriter, r *http.Request, all []ledger.Account) {
		i := slices.IndexFunc(all, func(a ledger.Account) bool { return a.Site == r.PathValue("site") })
		if i < 0 {
			writeError(w, http.StatusNotFound, schemas.UnknownSite, "no site with this id is configured; /api/v1/sites lists them")
			return
		}
		writeJSON(w, http.StatusOK, all[i])
	})))
	return mux
}

// serve hands the accounts to answer, or says that there are none now.
func (a accounting) serve(answer func(http.ResponseWriter, *http.Request, []ledger.Account)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all, err := a(r.Context())
		if err != nil {
			w.Header().Set("Retry-After", "2")
			writeError(w, http.StatusServiceUnavailable, schemas.Unavailable, "the ledger cannot be read now; ask again in a moment")
			return
		}
		answer(w, r, all)
	}
}

// onlyRead lets GET and HEAD without parameters through.
func onlyRead(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, schemas.MethodNotAllowed, "only GET and HEAD; this API only reads")
		case r.URL.RawQuery != "":
			writeError(w, http.StatusBadRequest, schemas.InvalidParameter, "the ledger takes no parameters")
		default:
			serve(w, r)
		}
	}
}

// printLedger writes the accounts as sums that one can check.
func printLedger(w io.Writer, accounts []ledger.Account) error {
	if len(accounts) == 0 {
		_, err := fmt.Fprintln(w, "nothing has arrived, and no site is configured")
		return err
	}
	for i, a := range accounts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		name := url.PathEscape(a.Site) // a terminal shows it as it is
		if name == "" {
			name = "(site unknown)"
		}
		if a.Since.IsZero() {
			fmt.Fprintf(w, "%s\n\n", name)
		} else {
			fmt.Fprintf(w, "%s, since %s UTC\n\n", name, a.Since.UTC().Format("2006-01-02 15:04"))
		}
		line := func(label string, n uint64) { fmt.Fprintf(w, "%-24s %12d\n", label, n) }
		line("Arrived", a.Arrived)
		line("  Rejected", a.Rejected.Total)
		for _, code := range slices.Sorted(maps.Keys(a.Rejected.Codes)) {
			line("    "+string(code), a.Rejected.Codes[code])
		}
		line("  Accepted", a.Accepted.Total)
		line("    stored", a.Accepted.Stored)
		line("    duplicate", a.Accepted.Duplicate)
		line("    withdrawn", a.Accepted.Withdrawn)
		line("    dead-lettered", a.Accepted.Dead)
		line("    pending", a.Accepted.Pending)
	}
	return nil
}
