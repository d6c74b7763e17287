package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"heed/collector"
	"heed/consent/notice"
	"heed/consent/record"
	"heed/pipeline/durable"
	"heed/snippet"
)

// keptFile is the name of a file that is kept: of a script, or of a notice, by the hash of its bytes.
var keptFile = regexp.MustCompile(`^([0-9a-f]{20}\.js|[0-9a-f]{32}\.json)$`)

// keptHash is the hash in the name of a file that is kept, "" for any other.
func keptHash(name string) string {
	if !keptFile.MatchString(name) {
		return ""
	}
	hash, _, _ := strings.Cut(name, ".")
	return hash
}

// noticeHashDigits tell the hash of a notice from that of a script, which is shorter.
const noticeHashDigits = 32

// keepAssets stores the scripts and notices among assets, before any loader can name them, and returns all assets together
// with those that earlier runs have kept.
func keepAssets(dir string, assets []collector.Asset) ([]collector.Asset, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep scripts: %w", err)
	}
	current := map[string]bool{}
	for _, a := range assets {
		if !keptFile.MatchString(a.Name) {
			continue
		}
		current[a.Name] = true
		if _, err := os.Stat(filepath.Join(dir, a.Name)); err == nil {
			continue // same name, same bytes
		}
		if err := keepAsset(dir, a); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read kept scripts: %w", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); keptFile.MatchString(name) && !current[name] {
			old, err := readKept(dir, name)
			if err != nil {
				return nil, err
			}
			assets = append(assets, old)
		}
	}
	return assets, nil
}

// keepAsset stores one file. A script is there after a power cut, too: a cached page has no other. A site has a hundred
// notices, which are archived elsewhere; one that is torn is no longer what its name says, and browsers show it to nobody.
func keepAsset(dir string, a collector.Asset) error {
	path := filepath.Join(dir, a.Name)
	if a.ContentType == jsonType {
		if err := os.WriteFile(path+".new", a.Plain, 0o600); err != nil {
			return fmt.Errorf("keep notice: %w", err)
		}
		return os.Rename(path+".new", path)
	}
	// The plain form last: it alone makes a file count as kept.
	for suffix, data := range map[string][]byte{".gz": a.Gzip, ".br": a.Brotli} {
		if err := durable.WriteFile(path+suffix, data); err != nil {
			return err
		}
	}
	return durable.WriteFile(path, a.Plain)
}

// readKept reads a file in the forms in which it was kept; those that it never had are empty.
func readKept(dir, name string) (collector.Asset, error) {
	file := snippet.File{Hash: keptHash(name)}
	var errs []error
	read := func(suffix string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name+suffix))
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		return data
	}
	file.Plain, file.Gzip, file.Brotli = read(""), read(".gz"), read(".br")
	if err := errors.Join(errs...); err != nil {
		return collector.Asset{}, fmt.Errorf("read kept file: %w", err)
	}
	return keptAsset(name, file), nil
}

// keptAsset is a file by its name. A form that it never had is not served.
func keptAsset(name string, file snippet.File) collector.Asset {
	a := asset(name, bundleCache, file)
	if len(file.Hash) == noticeHashDigits {
		a.ContentType = jsonType
	}
	if len(a.Brotli) == 0 {
		a.Brotli = nil
	}
	return a
}

// withKeptNotices returns the site's notices and behind them the kept ones that ask the same in other words: an answer to
// what a page had shown a moment before a change of words counts.
func withKeptNotices(site collector.Site) []collector.Notice {
	notices := slices.Clone(site.Notices)
	current := map[string]bool{}
	for _, n := range notices {
		current[n.Ref.Shown.String()[:noticeHashDigits]] = true
	}
	for _, a := range site.Assets {
		if a.ContentType != jsonType || current[keptHash(a.Name)] {
			continue
		}
		// One that is damaged, or of another version of Heed, answers whoever asks for the file and takes no answers.
		n, err := keptNotice(a.Plain)
		if err == nil && n.Ref.ID == site.Notice && n.Notice.Site == site.ID {
			notices = append(notices, n)
		}
	}
	return notices
}

// keptNotice opens a notice that an earlier run has kept; it takes the bytes that Archive writes and no others.
func keptNotice(text []byte) (collector.Notice, error) {
	n := new(record.Notice)
	if err := json.Unmarshal(text, n); err != nil {
		return collector.Notice{}, fmt.Errorf("read notice: %w", err)
	}
	archived, err := n.Archive()
	if err != nil {
		return collector.Notice{}, fmt.Errorf("read notice: %w", err)
	}
	if !bytes.Equal(archived.Text, text) {
		return collector.Notice{}, errors.New("read notice: it is not as it was archived")
	}
	return collector.Notice{Ref: archived.Ref, Text: text, Notice: n}, nil
}

// forCollector are the notices as a collector knows them.
func forCollector(built []notice.Built) []collector.Notice {
	list := make([]collector.Notice, len(built))
	for i, b := range built {
		list[i] = collector.Notice{Ref: b.Ref, Text: b.Text, Notice: b.Notice}
	}
	return list
}
