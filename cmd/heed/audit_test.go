package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"heed/consent"
	"heed/pipeline/clickhouse"
	"heed/pipeline/clickhouse/clickhousetest"
	"heed/schemas"
)

// auditedGrant is the consent event of the auditor's walk, as consent/record/AUDIT.md names it.
const auditedGrant = "019aab3c-2f4d-7aaa-8bbb-cccccccccccc"

// writeWalk writes the commands of consent/record/AUDIT.md to walk.sh, so that scripts run what the page says.
func writeWalk(dir string) error {
	page, err := os.ReadFile(filepath.Join("..", "..", "consent", "record", "AUDIT.md"))
	if err != nil {
		return err
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) != 1 {
		return fmt.Errorf("AUDIT.md has %d walks, want one", len(blocks))
	}
	return os.WriteFile(filepath.Join(dir, "walk.sh"), append([]byte("set -eu\n"), blocks[0][1]...), 0o600)
}

// visitMain is a visitor of the site shop: visit LOG DATA sees the notice, accepts it and, as somebody else, rejects it. LOG is
// what heed serve has printed, DATA its folder. It returns once the receipt can be opened.
func visitMain() {
	if err := callShop(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func callShop(log, data string) error {
	printed, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	address := regexp.MustCompile(`(?m)^  collector +(https?://\S+)$`).FindSubmatch(printed)
	notices, err := filepath.Glob(filepath.Join(data, "bundles", "shop", "*.json"))
	if err != nil || address == nil || len(notices) == 0 {
		return fmt.Errorf("no collector or no notice: %v", err)
	}
	shown, err := os.ReadFile(notices[0])
	if err != nil {
		return err
	}
	endpoint := string(address[1]) + "/shop"
	for _, ev := range []schemas.ConsentEvent{
		{ID: "019aab3c-2f4d-7aaa-8bbb-000000000001", Event: schemas.ConsentShown, Method: schemas.ByItself},
		{ID: auditedGrant, Event: schemas.ConsentAccept, Method: schemas.ByButton, Control: "accept"},
		{ID: "019aab3c-2f4d-7aaa-8bbb-000000000002", Event: schemas.ConsentReject, Method: schemas.ByButton, Control: "reject"},
	} {
		sum := sha256.Sum256(shown)
		ev.Shown = hex.EncodeToString(sum[:])
		if err := sendConsent(endpoint, ev, shown); err != nil {
			return err
		}
	}
	return awaitReceipt(endpoint + "/receipt/" + strings.ReplaceAll(auditedGrant, "-", "") + ".json")
}

// sendConsent sends one consent event about a notice, with the choice that it led to.
func sendConsent(endpoint string, ev schemas.ConsentEvent, shown []byte) error {
	var notice struct {
		Material json.RawMessage `json:"material"`
	}
	if err := json.Unmarshal(shown, &notice); err != nil {
		return err
	}
	now := time.Now()
	ev.Created = now.UnixMilli()
	batch := schemas.Batch{Version: schemas.EventVersion, Sent: now.UnixMilli(), Consent: &ev, Events: []schemas.Event{}}
	choice := consent.Choice{Granted: consent.Essential, Day: consent.DayOf(now), Notice: consent.NoticeID(notice.Material)}
	switch ev.Event {
	case schemas.ConsentAccept:
		choice.Granted = consent.All
		fallthrough
	case schemas.ConsentReject:
		batch.Choice = choice.String()
	}
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, endpoint+"/urgent", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	r.Header.Set("Origin", "https://shop.example")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s: %s: %s", ev.Event, answer.Status, text)
	}
	return nil
}

// awaitReceipt asks until the record is at rest.
func awaitReceipt(url string) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(url)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("there is no receipt after 30 s")
}

// tamperMain runs statements on a data folder that no heed has open, as somebody who can write the store: tamper DATA SQL….
func tamperMain() {
	if err := tamper(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tamper(data string, statements []string) error {
	ctx := context.Background()
	cfg := clickhouse.Config{Path: filepath.Join(data, "clickhouse"), Library: os.Getenv("HEED_CLICKHOUSE_LIBRARY")}
	store, err := clickhouse.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer store.Close(ctx)
	conn, err := clickhousetest.Connect(store)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statement := range statements {
		if err := conn.Exec(ctx, statement+" SETTINGS mutations_sync = 2"); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
