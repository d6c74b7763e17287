package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// lockFile is the part of package-lock.json that tells what is to be installed. npm keeps one of the same form in
// node_modules that tells what is.
type lockFile struct {
	Packages map[string]struct {
		Version  string `json:"version"`
		Dev      bool   `json:"dev"`
		Optional bool   `json:"optional"`
	} `json:"packages"`
}

func readLock(path string) (lockFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return lockFile{}, err
	}
	var lock lockFile
	if err := json.Unmarshal(text, &lock); err != nil {
		return lockFile{}, fmt.Errorf("read %s: %w", path, err)
	}
	return lock, nil
}

// missing counts the locked packages that are not installed in their locked version. Optional ones may be absent: they
// are for other platforms.
func (want lockFile) missing(have lockFile, dev bool) int {
	n := 0
	for path, pkg := range want.Packages {
		if path == "" || pkg.Optional || pkg.Dev && !dev {
			continue
		}
		if have.Packages[path].Version != pkg.Version {
			n++
		}
	}
	return n
}

func (l lockFile) hasDev() bool {
	for _, pkg := range l.Packages {
		if pkg.Dev {
			return true
		}
	}
	return false
}

// installPackages runs npm where a package is missing. Since npm then starts from nothing, packages for development
// that were there are installed again.
func installPackages(ctx context.Context, root string, dev bool, p *progress) error {
	want, err := readLock(filepath.Join(root, "package-lock.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoLock
	}
	if err != nil {
		return err
	}
	modules := filepath.Join(root, "node_modules")
	have, err := readLock(filepath.Join(modules, ".package-lock.json"))
	if err != nil {
		have = lockFile{} // absent or broken: npm makes it anew
	}
	n := want.missing(have, dev)
	if n == 0 {
		return nil
	}
	args := []string{"ci", "--no-progress"}
	if !dev && !have.hasDev() {
		args = append(args, "--omit=dev")
	}
	p.say(fmt.Sprintf("fetching %d npm packages, among them the ClickHouse engine and the geo data: "+
		"about 260 MB to download, 770 MB on disk", n))
	return runNPM(ctx, root, args, p)
}

func runNPM(ctx context.Context, root string, args []string, p *progress) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("look for npm: %w", err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, args...)
	cmd.Dir = root
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // npm then removes what is half done
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start npm: %w", err)
	}
	done := make(chan error)
	go func() { done <- cmd.Wait() }() // the loop below ends only when it has received this
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return &npmError{err, tail(said.String(), 12)}
			}
			p.say(fmt.Sprintf("npm packages installed in %s", elapsed(start, time.Now())))
			return nil
		case now := <-tick.C:
			unpacked := sizeOf(filepath.Join(root, "node_modules"))
			p.show(now, fmt.Sprintf("npm: %s unpacked, %s", megabytes(unpacked), elapsed(start, now)))
		}
	}
}

// sizeOf adds up the files in a folder that npm is writing to: what comes and goes meanwhile does not matter.
func sizeOf(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}
