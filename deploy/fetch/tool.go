package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// runTool runs a program that fills folder, and tells how it is going.
func runTool(cmd *exec.Cmd, folder string, p *progress) error {
	name := filepath.Base(cmd.Path)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it then removes what is half done
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	done := make(chan error)
	go func() { done <- cmd.Wait() }() // the loop below ends only when it has received this
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return &toolError{name, err, tail(said.String(), 12)}
			}
			p.say(fmt.Sprintf("%s has finished after %s", name, elapsed(start, time.Now())))
			return nil
		case now := <-tick.C:
			p.show(now, fmt.Sprintf("%s: %s there, %s", name, megabytes(sizeOf(folder)), elapsed(start, now)))
		}
	}
}

// sizeOf adds up the files in a folder that is being written to: what comes and goes meanwhile does not matter.
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
