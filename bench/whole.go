package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/schemas"
)

// whole is heed serve, the program itself: collector, log, loader, engine and API in one process.
type whole struct {
	process
	output    string // file of what it prints
	api       string // http://127.0.0.1:port
	collector string // http://127.0.0.1:port/prefix
}

// wholeStart bounds how long the program may take until it serves.
const wholeStart = time.Minute

// recentIDs is small, so that the memory of known ids is full early and what grows after that is seen.
const recentIDs = "200000"

const wholeConfig = "sites:\n  - id: " + siteKey + "\n    origins: [" + siteOrigin + "]\n"

// startWhole starts the program with the data folder and waits until it serves.
func startWhole(ctx context.Context, program, data string) (*whole, error) {
	folder, err := os.MkdirTemp(filepath.Dir(data), "heed-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	config := filepath.Join(folder, "heed.yaml")
	if err := os.WriteFile(config, []byte(wholeConfig), 0o600); err != nil {
		return nil, fmt.Errorf("write heed.yaml: %w", err)
	}
	w := &whole{output: filepath.Join(folder, "output")}
	w.folder = folder
	w.cmd = exec.CommandContext(ctx, program, "serve", "--config", config, "--data.dir", data, "--collector.rate", "0",
		"--collector.address", "127.0.0.1:0", "--api.address", "127.0.0.1:0",
		"--collector.trusted_proxies", "127.0.0.1", "--collector.rate", strconv.Itoa(eventsPerSecond),
		"--load.recent_ids", recentIDs)
	out, err := os.Create(w.output)
	if err != nil {
		return nil, fmt.Errorf("create file: %w", err)
	}
	defer out.Close()
	w.cmd.Stdout = out
	if err := w.start(); err != nil {
		return nil, err
	}
	if err := w.awaitAddresses(); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

var addressLine = regexp.MustCompile(`(?m)^  (api|collector) +(http://\S+)$`)

// awaitAddresses reads them from what the program prints once it serves.
func (w *whole) awaitAddresses() error {
	for deadline := time.Now().Add(wholeStart); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(w.output)
		if err != nil {
			return fmt.Errorf("read output: %w", err)
		}
		if strings.Contains(string(text), "Ctrl-C stops") {
			for _, match := range addressLine.FindAllStringSubmatch(string(text), -1) {
				if match[1] == "api" {
					w.api = strings.TrimSuffix(match[2], "/api/v1/sites")
				} else {
					w.collector = match[2]
				}
			}
			w.address, _, _ = strings.Cut(strings.TrimPrefix(w.collector, "http://"), "/")
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("heed serve did not start; it printed: %s", text)
		}
	}
}

var (
	bundleName = regexp.MustCompile(`[0-9a-f]{20}\.js`)
	noticeText = regexp.MustCompile(`"([0-9a-f]{8})"`)
)

// target does what a browser does before its first event: it gets the script, which names the notice, and has its
// choice sealed by a first batch. acked is told of that batch's event.
func (w *whole) target(acked *tally) (target, error) {
	site := w.collector + "/" + siteKey
	t := target{address: w.address, path: strings.TrimPrefix(site, "http://"+w.address) + "/ordinary", origin: siteOrigin}
	loader, err := get(site + "/heed.js")
	if err != nil {
		return t, err
	}
	script, err := get(site + "/" + bundleName.FindString(loader))
	if err != nil {
		return t, err
	}
	notice := noticeText.FindStringSubmatch(script)
	if notice == nil {
		return t, errors.New("the script names no notice")
	}
	grant := consent.Choice{Granted: consent.All, Day: consent.DayOf(time.Now()), Notice: notice[1]}
	t.choices = []string{grant.String()}
	m := newMaker(t, 1, 0, 0)
	m.nextVisit()
	m.makeBody()
	body, err := withRecord(m.body)
	if err != nil {
		return t, err
	}
	request, err := http.NewRequest(http.MethodPost, site+"/ordinary", bytes.NewReader(body))
	if err != nil {
		return t, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	request.Header.Set("Origin", siteOrigin)
	text, err := do(request)
	if err != nil {
		return t, err
	}
	var answer schemas.Answer
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Choice == "" || answer.Accepted != 1 {
		return t, fmt.Errorf("the choice was not sealed: %s: %w", text, err)
	}
	acked.add(m.ids)
	t.choices = []string{answer.Choice}
	return t, nil
}

// withRecord adds to a batch the consent event that its choice came from.
func withRecord(body []byte) ([]byte, error) {
	var batch schemas.Batch
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, fmt.Errorf("read our own batch: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make id: %w", err)
	}
	batch.Consent = &schemas.ConsentEvent{
		ID: id.String(), Event: schemas.ConsentAccept, Method: schemas.ByAPI, Created: batch.Sent,
	}
	return json.Marshal(batch)
}

// metrics asks the program for its numbers without labels.
func (w *whole) metrics() (map[string]float64, error) {
	text, err := get(w.api + "/metrics")
	if err != nil {
		return nil, err
	}
	return readMetrics(func(out io.Writer) { io.WriteString(out, text) }), nil
}

func get(url string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	return do(request)
}

// errNotFound is the answer 404.
var errNotFound = errors.New("not found")

// do returns the body of a 2xx.
func do(request *http.Request) (string, error) {
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask heed: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("ask heed: %w", err)
	}
	if answer.StatusCode == http.StatusNotFound {
		return "", fmt.Errorf("ask heed: %s: %w", request.URL.Path, errNotFound)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return "", fmt.Errorf("ask heed: %s: %s: %s", request.URL.Path, answer.Status, text)
	}
	return string(text), nil
}
