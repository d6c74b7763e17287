package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// describe says what was measured where, so that a figure can be judged.
func describe(dir string) (string, error) {
	alone, err := fsyncTime(dir)
	if err != nil {
		return "", err
	}
	lines := []string{
		"date: " + time.Now().UTC().Format(time.DateTime) + " UTC",
		"commit: " + commit(),
		"versions: " + versions(),
		fmt.Sprintf("machine: %s, %d cores, %s", processor(), runtime.NumCPU(), ram()),
		fmt.Sprintf("disk: an append of %d bytes with fsync takes %.2f ms alone", fsyncBytes, float64(alone.Microseconds())/1000),
		"geo data: " + geoText(),
		"other load: " + loadAverage() + " processes wanted a core during the minute before",
	}
	return "- " + strings.Join(lines, "\n- ") + "\n", nil
}

// commit is the one that the program was built from, as the Go command has stamped it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text, modified := "unknown", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			text = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			if s.Value == "true" {
				modified = " with changes"
			}
		}
	}
	return text + modified
}

func versions() string {
	list := []string{runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/valyala/fasthttp" {
				list = append(list, "fasthttp "+d.Version)
			}
		}
	}
	if out, err := exec.Command("nginx", "-v").CombinedOutput(); err == nil {
		list = append(list, strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: ")))
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		list = append(list, "Linux "+string(bytes.TrimSpace(raw)))
	}
	return strings.Join(list, ", ")
}

func processor() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	_, after, _ := strings.Cut(string(raw), "model name")
	name, _, _ := strings.Cut(strings.TrimLeft(after, "\t :"), "\n")
	return name
}

func ram() string {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%d GB", info.Totalram*uint64(info.Unit)>>30)
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(raw), " ")
	return first
}

func geoText() string {
	if len(geoFiles().City) == 0 {
		return "none (make fetch)"
	}
	return "city and network"
}

const (
	fsyncBytes = 700 // about what a page view is, as it comes
	fsyncTries = 200
)

// fsyncTime is the median time of an append with fsync when nothing else happens: what an event alone waits for.
func fsyncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, fmt.Errorf("create file: %w", err)
	}
	defer f.Close()
	var times histogram
	for range fsyncTries {
		start := time.Now()
		if _, err := f.Write(make([]byte, fsyncBytes)); err != nil {
			return 0, fmt.Errorf("append: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("sync: %w", err)
		}
		times.add(time.Since(start))
	}
	return times.quantile(0.5), nil
}
