package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// asnFormat changes when the same lists would be turned into another file.
const asnFormat = 1

// convertASN makes asn.mmdb in lib from the lists in pkg, the folder of their npm package. asn.version beside it says
// what it was made from; it is written last, so that a file which is not finished is made anew.
func convertASN(ctx context.Context, pkg, lib string, p *progress) error {
	version, err := packageVersion(pkg)
	if err != nil {
		return err
	}
	stamp := fmt.Sprintf("@ip-location-db/asn %s, format %d\n", version, asnFormat)
	target, stampFile := filepath.Join(lib, "asn.mmdb"), filepath.Join(lib, "asn.version")
	if made, err := os.ReadFile(stampFile); err == nil && string(made) == stamp {
		if _, err := os.Stat(target); err == nil {
			return nil
		}
	}
	start := time.Now()
	lists := []string{filepath.Join(pkg, "asn-ipv4.csv"), filepath.Join(pkg, "asn-ipv6.csv")}
	err = writeWhole(target, func(w io.Writer) error {
		m := &meter{ctx: ctx, total: sizeOf(lists[0]) + sizeOf(lists[1]), progress: p, start: start}
		return convertLists(w, lists, stamp[:len(stamp)-1], m)
	})
	if err != nil {
		return fmt.Errorf("make %s: %w", target, err)
	}
	p.say(fmt.Sprintf("network owners converted to %s in %s", target, elapsed(start, time.Now())))
	return writeWhole(stampFile, func(w io.Writer) error {
		_, err := io.WriteString(w, stamp)
		return err
	})
}

func packageVersion(pkg string) (string, error) {
	text, err := os.ReadFile(filepath.Join(pkg, "package.json"))
	if err != nil {
		return "", err
	}
	var manifest struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("read the version of %s: %w", pkg, err)
	}
	return manifest.Version, nil
}

func convertLists(w io.Writer, paths []string, description string, m *meter) error {
	var lists []io.Reader
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lists = append(lists, &meteredReader{f, m})
	}
	return buildASN(w, description, lists...)
}

// writeWhole lets write fill a file that takes its name only when it is whole and on disk.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	buf := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(write(buf), buf.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// meter turns what was read into progress, and a cancelled context into an error of the reader.
type meter struct {
	ctx         context.Context // of the one conversion that the meter lives for
	read, total int64
	progress    *progress
	start       time.Time
}

type meteredReader struct {
	io.Reader
	*meter
}

func (r *meteredReader) Read(buf []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(buf)
	r.read += int64(n)
	now := time.Now()
	r.progress.show(now, fmt.Sprintf("network owners: %s of %s read, %s",
		megabytes(r.read), megabytes(r.total), elapsed(r.start, now)))
	return n, err
}
