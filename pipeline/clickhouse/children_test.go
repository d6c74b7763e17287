package clickhouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
)

const rowsPerBlock = 500

// start runs the command in a child process on the folder.
func start(t *testing.T, command, folder string) (child *exec.Cmd, stdin io.WriteCloser, stdout *bufio.Scanner) {
	t.Helper()
	child = exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "HEED_TEST_CHILD="+command, "HEED_TEST_FOLDER="+folder)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	return child, stdin, bufio.NewScanner(out)
}

// runChild does what the parent asked for, and tells it on stdout.
func runChild(command, folder string) int {
	cfg := clickhouse.Config{Path: folder, Library: clickhousetest.Library()}
	if command == "nolibrary" {
		cfg.Library = filepath.Join(folder, "libchdb.so")
	}
	store, err := clickhouse.Open(context.Background(), cfg, silent)
	if err != nil {
		fmt.Println("open:", errors.Is(err, clickhouse.ErrInUse), errors.Is(err, clickhouse.ErrNoLibrary), err)
		return 0
	}
	ctx := context.Background()
	defer store.Close(ctx)
	if _, _, err := store.Migrate(ctx); err != nil {
		fmt.Println("migrate:", err)
		return 1
	}
	switch command {
	case "hold":
		fmt.Println("open")
		io.Copy(io.Discard, os.Stdin) // until the parent closes it
	case "check":
		return check(store)
	case "insert":
		return insertForEver(store)
	case "reopen":
		return reopen(store, cfg)
	case "abandon":
		return abandon(store)
	}
	return 0
}

// insertForEver prints the number of each block that was acknowledged. Blocks continue where the table ends.
func insertForEver(store *clickhouse.Store) int {
	ctx := context.Background()
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		return 1
	}
	var next uint64
	if err := conn.QueryRow(ctx, "SELECT max(source_offset) + 1 FROM events").Scan(&next); err != nil {
		return 1
	}
	for ; ; next++ {
		if err := store.Insert(ctx, fmt.Sprint("block ", next), someRows(next, rowsPerBlock)); err != nil {
			fmt.Println("insert:", err)
			return 1
		}
		fmt.Println(next)
	}
}

// check prints the blocks that are there in whole, or what is wrong.
func check(store *clickhouse.Store) int {
	ctx := context.Background()
	differences, err := clickhousetest.ProjectionDifferences(ctx, store)
	if err != nil || len(differences) > 0 {
		fmt.Println("projections:", differences, err)
		return 1
	}
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		return 1
	}
	rows, err := conn.Query(ctx, "SELECT source_offset, count(), uniqExact(id) FROM events GROUP BY source_offset ORDER BY source_offset")
	if err != nil {
		return 1
	}
	defer rows.Close()
	for rows.Next() {
		var offset, n, ids uint64
		if err := rows.Scan(&offset, &n, &ids); err != nil {
			return 1
		}
		if n != rowsPerBlock || ids != rowsPerBlock {
			fmt.Printf("block %d has %d rows, %d ids\n", offset, n, ids)
		}
		fmt.Println(offset)
	}
	return 0
}

// reopen closes the only store and opens the folder, and another one, again in the same process.
func reopen(store *clickhouse.Store, cfg clickhouse.Config) int {
	ctx := context.Background()
	if err := store.Insert(ctx, "one", someRows(1, 10)); err != nil {
		fmt.Println("insert:", err)
		return 1
	}
	for i, folder := range []string{cfg.Path, cfg.Path + "-other", cfg.Path} {
		store.Close(ctx)
		cfg.Path = folder
		var err error
		if store, err = clickhouse.Open(ctx, cfg, silent); err != nil {
			fmt.Println("open:", err)
			return 1
		}
		if _, _, err := store.Migrate(ctx); err != nil {
			fmt.Println("migrate:", err)
			return 1
		}
		found, err := store.Present(ctx, "log", someRows(1, 1)[0].Source, someRows(2, 1)[0].Source)
		fmt.Println(i, len(found), err)
	}
	err := store.Insert(ctx, "one", someRows(1, 10)) // the token outlives the process, too
	found, _ := store.Present(ctx, "log", someRows(1, 1)[0].Source, someRows(2, 1)[0].Source)
	fmt.Println("again", len(found), err)
	store.Close(ctx)
	return 0
}

// abandon starts a question that takes 20 minutes, walks away from it and closes the store.
func abandon(store *clickhouse.Store) int {
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		return 1
	}
	asked := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		var n uint64
		asked <- conn.QueryRow(ctx, "SELECT count() FROM numbers(1200) WHERE sleepEachRow(1) = 0 SETTINGS max_block_size = 1").Scan(&n)
	}()
	for running := uint64(0); running == 0; { // until the engine works on it
		err := conn.QueryRow(context.Background(), "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1200)%' AND query NOT LIKE '%processes%'").Scan(&running)
		if err != nil {
			fmt.Println("processes:", err)
			return 1
		}
	}
	cancel()
	fmt.Println(errors.Is(<-asked, context.Canceled))
	fmt.Println(store.Close(context.Background()))
	return 0
}

func lines(out *bufio.Scanner) (all []string) {
	for out.Scan() {
		all = append(all, out.Text())
	}
	return all
}

// The child is killed at random moments. Every block that it acknowledged must then be there, whole and once, in the
// table and in its projections.
func TestKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	folder := t.TempDir()
	acknowledged := map[string]bool{}
	for range 5 {
		child, _, out := start(t, "insert", folder)
		for left := 1 + rand.IntN(12); left > 0 && out.Scan(); left-- {
			if _, err := strconv.Atoi(out.Text()); err != nil {
				t.Fatalf("child: %s", out.Text())
			}
			acknowledged[out.Text()] = true
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, line := range lines(out) { // acknowledged before the signal struck
			acknowledged[line] = true
		}
		child.Wait()

		_, _, out = start(t, "check", folder)
		present := lines(out)
		for _, line := range present {
			if _, err := strconv.Atoi(line); err != nil {
				t.Error(line)
			}
		}
		if extra := len(present) - len(acknowledged); extra < 0 || extra > 1 { // one may have been under way
			t.Errorf("%d blocks are there, %d were acknowledged", len(present), len(acknowledged))
		}
		for _, line := range present {
			acknowledged[line] = true
		}
	}
}

func TestFolderInUseFailure(t *testing.T) {
	folder := t.TempDir()
	_, stdin, out := start(t, "hold", folder)
	if !out.Scan() || out.Text() != "open" {
		t.Fatalf("first child: %q, want open", out.Text())
	}
	_, _, second := start(t, "hold", folder)
	if got := lines(second); len(got) != 1 || !strings.HasPrefix(got[0], "open: true false") || !strings.Contains(got[0], folder) {
		t.Errorf("second process on the folder: %q, want ErrInUse that names it", got)
	}
	stdin.Close()
	if got := lines(out); len(got) != 0 {
		t.Errorf("first child: %q, want nothing", got)
	}
	_, stdin, out = start(t, "hold", folder)
	if !out.Scan() || out.Text() != "open" {
		t.Errorf("after the first has ended: %q, want open", out.Text())
	}
	stdin.Close()
}

func TestNoLibraryFailure(t *testing.T) {
	folder := t.TempDir()
	library := filepath.Join(folder, "libchdb.so")
	f := func(name string) {
		t.Helper()
		_, _, out := start(t, "nolibrary", folder)
		got := lines(out)
		if len(got) != 1 || !strings.HasPrefix(got[0], "open: false true") || !strings.Contains(got[0], library) || !strings.Contains(got[0], "make run") {
			t.Errorf("%s: %q, want ErrNoLibrary with the path and the remedy", name, got)
		}
	}
	f("missing")

	whole, err := os.Open(clickhousetest.Library())
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	part, err := os.Create(library)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if _, err := io.CopyN(part, whole, 1<<20); err != nil {
		t.Fatal(err)
	}
	f("fetched in part")
}

func TestFolderNotWritableFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(file, "data"), "/proc/heed", "/sys/kernel"} {
		_, _, out := start(t, "hold", folder)
		if got := lines(out); len(got) != 1 || !strings.HasPrefix(got[0], "open: false false") || !strings.Contains(got[0], folder) {
			t.Errorf("folder %q: %q, want an error that names it", folder, got)
		}
	}
}

func TestReopenInOneProcess(t *testing.T) {
	_, _, out := start(t, "reopen", filepath.Join(t.TempDir(), "data"))
	want := []string{"0 10 <nil>", "1 0 <nil>", "2 10 <nil>", "again 10 <nil>"}
	if got := lines(out); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("reopen: %q, want %q", got, want)
	}
}

// Nor does Close wait for a question that nobody waits for.
func TestCloseEndsAbandonedQuestions(t *testing.T) {
	_, _, out := start(t, "abandon", t.TempDir())
	if got := lines(out); strings.Join(got, " ") != "true <nil>" {
		t.Errorf("abandon: %q, want true and <nil>", got)
	}
}
