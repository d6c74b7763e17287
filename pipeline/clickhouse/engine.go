package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// engine is libchdb running in this process on one data folder. Stores on the same folder share it.
type engine struct {
	lib     *library
	path    string
	version string
	users   int

	readers chan *connection // statements
	writer  chan *connection // inserts have one of their own, so that no number of slow questions holds them up
	closed  chan struct{}
}

// process holds the engine of this process. libchdb itself has one data folder per process, so this cannot be a field.
var process struct {
	sync.Mutex
	lib    *library
	engine *engine
}

// acquireEngine starts the engine on cfg.Path, or joins the one that runs there.
func acquireEngine(cfg Config) (*engine, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("data folder %q: %w", cfg.Path, err)
	}
	process.Lock()
	defer process.Unlock()
	if e := process.engine; e != nil {
		if e.path != path {
			return nil, fmt.Errorf("%w: %q is open, %q was asked for", ErrOtherFolder, e.path, path)
		}
		e.users++
		return e, nil
	}
	if process.lib == nil {
		if process.lib, err = loadLibrary(cfg.Library); err != nil {
			return nil, err
		}
	}
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	e := &engine{lib: process.lib, path: path, users: 1, closed: make(chan struct{}),
		readers: make(chan *connection, cfg.Connections), writer: make(chan *connection, 1)}
	if err := e.boot(cfg); err != nil {
		return nil, err
	}
	process.engine = e
	return e, nil
}

// release gives the engine back. The last one to do so stops it, after it has ended what still runs.
func (e *engine) release(ctx context.Context) error {
	process.Lock()
	defer process.Unlock()
	if e.users--; e.users > 0 {
		return nil
	}
	process.engine = nil
	close(e.closed)
	return e.closeAll(ctx)
}

// closeAll closes each connection when its statement has ended. The engine stops with the last of them. chdb_shutdown
// is not called: after it nothing in this process could open the engine again, and what was acknowledged is on disk.
func (e *engine) closeAll(ctx context.Context) error {
	writer, err := await(ctx, e.writer)
	if err != nil {
		return err
	}
	defer writer.close()
	if _, err := writer.query("KILL QUERY WHERE query_kind = 'Select' ASYNC", "Null"); err != nil {
		return fmt.Errorf("end running statements: %w", err)
	}
	for range cap(e.readers) {
		reader, err := await(ctx, e.readers)
		if err != nil {
			return err
		}
		reader.close()
	}
	return nil
}

// await is for the time after closed, when nobody else takes connections.
func await(ctx context.Context, pool chan *connection) (*connection, error) {
	select {
	case c := <-pool:
		return c, nil
	default:
	}
	select {
	case c := <-pool:
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the engine is still at work: %w", ctx.Err())
	}
}

// boot opens all connections at once, so that nothing can fail to open later.
func (e *engine) boot(cfg Config) error {
	args := engineArguments(cfg, e.path)
	var open []*connection
	for range cfg.Connections + 1 {
		c, err := e.lib.open(args)
		if err != nil {
			for _, c := range open {
				c.close()
			}
			return fmt.Errorf("open %q: %w", e.path, err)
		}
		open = append(open, c)
	}
	e.writer <- open[0]
	for _, c := range open[1:] {
		e.readers <- c
	}
	version, err := open[0].query("SELECT version()", "TSVRaw")
	if err != nil {
		return errors.Join(fmt.Errorf("ask for the engine's version: %w", err), e.closeAll(context.Background()))
	}
	e.version = strings.TrimSpace(string(version))
	return nil
}

// keepFreeBytes is the room on the disk below which the engine begins no insert and no merge. libchdb 26.7.2 takes a
// write that fails for one that succeeded: on a full disk an insert is acknowledged, and its part is empty. So it must
// not come to a full disk.
const keepFreeBytes = 256 << 20

// engineArguments keeps the engine small: caches of a server would take gigabytes, and it writes no log tables.
func engineArguments(cfg Config, path string) []string {
	const mib = 1 << 20
	arguments := []string{
		"--path=" + path,
		"--session_timezone=UTC",
		"--mark_cache_size=" + strconv.Itoa(256*mib),
		"--primary_index_cache_size=" + strconv.Itoa(256*mib),
		"--index_mark_cache_size=" + strconv.Itoa(64*mib),
		"--query_condition_cache_size=" + strconv.Itoa(32*mib),
		"--max_thread_pool_size=256",
		"--storage_configuration.disks.default.keep_free_space_bytes=" + strconv.Itoa(keepFreeBytes),
	}
	if cfg.ConfigFile != "" {
		arguments = append(arguments, "--config-file="+cfg.ConfigFile)
	}
	if cfg.MemoryBytes > 0 {
		return append(arguments, "--max_server_memory_usage="+strconv.FormatInt(cfg.MemoryBytes, 10))
	}
	return append(arguments, "--max_server_memory_usage_to_ram_ratio=0.5")
}

// checkFolder says in plain words what would keep the engine from starting: it only writes to stderr.
func checkFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make data folder %q: %w", path, err)
	}
	probe, err := os.CreateTemp(path, "probe-*")
	if err != nil {
		return fmt.Errorf("data folder %q cannot be written to: %w", path, err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return fmt.Errorf("data folder %q: %w", path, err)
	}
	status, err := os.Open(filepath.Join(path, "status"))
	if err != nil {
		return nil // never used yet
	}
	defer status.Close()
	if err := syscall.Flock(int(status.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %q; stop that process or ask it", ErrInUse, path)
	}
	return nil
}

// take waits for a free connection of a pool and sets it up for a statement.
func (e *engine) take(ctx context.Context, pool chan *connection, st statement) (*connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	select {
	case c := <-pool:
		if err := c.prepare(st.database, st.settings); err != nil {
			pool <- c
			return nil, err
		}
		return c, nil
	case <-e.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNotStarted, ctx.Err())
	}
}

// prepare makes the session's database and settings those that the statement asks for, and no others.
func (c *connection) prepare(database string, settings map[string]string) error {
	if database == "" {
		database = "default"
	}
	if database != c.database {
		if _, err := c.query("USE "+quoteName(database), "Null"); err != nil {
			return err
		}
		c.database = database
	}
	for name, value := range settings {
		if was, ok := c.settings[name]; ok && was == value {
			continue
		}
		if _, err := c.query("SET "+quoteName(name)+" = "+quoteText(value), "Null"); err != nil {
			return err
		}
		c.settings[name] = value
	}
	for name := range c.settings {
		if _, ok := settings[name]; ok {
			continue
		}
		if _, err := c.query("SET "+quoteName(name)+" = DEFAULT", "Null"); err != nil {
			return err
		}
		delete(c.settings, name)
	}
	return nil
}

// statement is what one request asks of the engine.
type statement struct {
	sql, database, format string
	settings              map[string]string
	params                []parameter
}

// query runs a statement. When ctx ends first it returns at once; the statement then ends by its own time limit, and
// its connection is busy until it does.
func (e *engine) query(ctx context.Context, st statement) ([]byte, error) {
	c, err := e.take(ctx, e.readers, st)
	if err != nil {
		return nil, err
	}
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		data, err := c.query(st.sql, st.format, st.params...)
		e.readers <- c // release waits for it
		done <- outcome{data, err}
	}()
	select {
	case o := <-done:
		return o.data, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// insert runs an INSERT to its end: once it has started its outcome is worth more than an early answer.
func (e *engine) insert(ctx context.Context, st statement, data []byte) error {
	c, err := e.take(ctx, e.writer, st)
	if err != nil {
		return err
	}
	defer func() { e.writer <- c }()
	return c.insert(st.sql, st.format, data)
}

func quoteName(name string) string { return quote(name, '`') }
func quoteText(text string) string { return quote(text, '\'') }

func quote(s string, mark byte) string {
	out := slices.Grow([]byte{mark}, len(s)+2)
	for i := range len(s) {
		if s[i] == mark || s[i] == '\\' {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return string(append(out, mark))
}
