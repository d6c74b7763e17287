package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"heed/pipeline/load"
	"heed/pipeline/wal"
	"heed/schemas"
)

const (
	// flushEvery is how often rejected events are written down, when there were any: what a crash can lose of them.
	flushEvery = time.Second
	// warnEvery is how often a warning of the same cause is repeated at most.
	warnEvery = 30 * time.Second
)

// Config says where the ledger lives and whose it is.
type Config struct {
	// Dir holds the counts of rejected events. It is made when missing.
	Dir string
	// Sites are those that have an account also when nothing has arrived yet.
	Sites []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate reports every value that cannot be used.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("ledger dir is empty: name a folder")
	}
	return nil
}

// Sources are what the ledger counts from.
type Sources struct {
	// Rejected returns the events rejected since the process began. It is called by any goroutine, and what it returns
	// is not changed afterwards. Nil when nothing can arrive.
	Rejected func() Counts
	// Erased returns what was taken out of the store again, in all time; nil as long as that is not known, and then what
	// was known last counts. Nil when nobody knows. It is called by any goroutine, and what it returns is not changed
	// afterwards.
	Erased func() Erased
	// Log holds what was accepted. *wal.Log is one.
	Log Log
	// Loader knows how accepted events ended. *load.Loader is one.
	Loader Loader
}

// Log is the durable log, as far as the ledger needs it.
type Log interface {
	// Reader reads from a position on and never beyond what is durable.
	Reader(from wal.Pos) (*wal.Reader, error)
}

// Loader is what takes events out of the log.
type Loader interface {
	// Progress returns up to where and how events have ended. It is called by any goroutine.
	Progress() *load.Progress
	// Oldest returns when the oldest event was received that the loader has read and not brought to its end.
	Oldest() (received time.Time, ok bool)
}

var (
	_ Log    = (*wal.Log)(nil)
	_ Loader = (*load.Loader)(nil)
)

// Ledger keeps the accounts of all sites. Its methods may be called by any goroutine.
type Ledger struct {
	cfg    Config
	from   Sources
	logger *slog.Logger
	before file   // what the processes before this one have counted
	known  Erased // what was taken out of the store, as the process before this one knew it
	errors errorCounts

	flushing sync.Mutex // guards written, erased and the files; taken before mu
	written  Counts
	erased   Erased // as it is written down

	mu     sync.Mutex
	follow following
}

// Open reads what earlier processes have counted. Run does the work.
func Open(cfg Config, from Sources, logger *slog.Logger) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if from.Rejected == nil {
		from.Rejected = func() Counts { return nil }
	}
	if from.Erased == nil {
		from.Erased = func() Erased { return nil }
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make ledger folder: %w", err)
	}
	before, err := openFile(cfg.Dir, cfg.Now())
	if err != nil {
		return nil, err
	}
	known, err := openErased(cfg.Dir)
	if err != nil {
		return nil, err
	}
	progress := from.Loader.Progress()
	return &Ledger{
		cfg:     cfg,
		from:    from,
		logger:  logger.With("component", "ledger"),
		before:  before,
		known:   known,
		written: before.Sites,
		erased:  known,
		follow:  following{base: progress, next: progress.Pos},
	}, nil
}

// Run follows the log and writes down what was rejected, until the log is closed and read to its end, or ctx ends, and
// then once more. Run is called once.
func (l *Ledger) Run(ctx context.Context) error {
	reader, err := l.from.Log.Reader(l.follow.base.Pos)
	if err != nil {
		return fmt.Errorf("follow log: %w", err)
	}
	defer reader.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		eachRecord(ctx, reader, l.count, func(err error) {
			l.errors.follow.Add(1)
			l.logger.Warn("log cannot be read, will try again", "err", err)
		})
	}()
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var due quiet
	for {
		select {
		case <-read: // it ends with ctx too
			return l.flush()
		case <-tick.C:
		}
		if err := l.flush(); err != nil && due.ask() {
			l.logger.Warn("rejected events are not written down, will try again", "err", err)
		}
	}
}

// quiet lets one warning in each warnEvery through.
type quiet struct{ last time.Time }

func (q *quiet) ask() bool {
	if !q.last.IsZero() && time.Since(q.last) < warnEvery {
		return false
	}
	q.last = time.Now()
	return true
}

// flush writes down how many events were rejected, if there were more. What cannot be written stays in memory.
func (l *Ledger) flush() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	if err := l.flushErased(); err != nil {
		l.errors.flush.Add(1)
		return err
	}
	rejected := l.rejected()
	if rejected.equal(l.written) {
		return nil
	}
	if err := (file{fileVersion, l.before.Since, rejected}).write(l.cfg.Dir); err != nil {
		l.errors.flush.Add(1)
		return err
	}
	l.written = rejected
	return nil
}

// flushErased writes down what was taken out of the store, if that has changed.
func (l *Ledger) flushErased() error {
	erased := l.takenOut()
	if maps.Equal(erased, l.erased) {
		return nil
	}
	if err := erased.write(l.cfg.Dir); err != nil {
		return err
	}
	l.erased = erased
	return nil
}

// takenOut is what was taken out of the store, as far as it is known.
func (l *Ledger) takenOut() Erased {
	if erased := l.from.Erased(); erased != nil {
		return erased
	}
	return l.known
}

// rejected counts the events of all times.
func (l *Ledger) rejected() Counts { return l.before.Sites.plus(l.from.Rejected()) }

// Accounts returns the accounts of all sites, in the order of their ids: those of the configuration, and those that
// have counts from before they were taken out of it. The account without a site holds dead letters whose site could
// not be read.
func (l *Ledger) Accounts() []Account {
	rejected, erased := l.rejected(), l.takenOut()
	progress, pending := l.pending()
	sites := map[string]bool{}
	for _, site := range l.cfg.Sites {
		sites[site] = true
	}
	for site := range rejected {
		sites[site] = true
	}
	for site := range progress.Sites {
		sites[site] = true
	}
	for site, n := range pending {
		sites[site] = sites[site] || n > 0
	}
	since := progress.Since
	if l.before.Since.After(since) {
		since = l.before.Since
	}
	var accounts []Account
	for _, site := range slices.Sorted(maps.Keys(sites)) {
		ends := erased.settle(site, progress.Sites[site])
		account := Account{Site: site, Since: since.UTC().Truncate(time.Millisecond), Rejected: Rejected{Codes: rejected[site]}, Accepted: Accepted{
			Stored: ends.Stored, Duplicate: ends.Duplicates, Withdrawn: ends.Withdrawn, Dead: ends.Dead, Pending: pending[site],
		}}
		if account.Rejected.Codes == nil {
			account.Rejected.Codes = map[schemas.Code]uint64{}
		}
		accounts = append(accounts, account.sum())
	}
	return accounts
}

// Account returns the account of one site, and false when there is none.
func (l *Ledger) Account(site string) (Account, bool) {
	for _, account := range l.Accounts() {
		if account.Site == site {
			return account, true
		}
	}
	return Account{}, false
}
