package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
		return &toolError{tool: "npm", err: err}
	}
	cmd := exec.CommandContext(ctx, npm, args...)
	cmd.Dir = root
	return runTool(cmd, filepath.Join(root, "node_modules"), p)
}
