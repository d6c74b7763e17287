package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"heed/consent"
	"heed/schemas"
)

// A visitor accepts, withdraws, and a forgotten tab goes on with the choice of before: its seal is right, so it is
// accepted; what it sends is withdrawn, and the ledger says so.
func TestWithdrawnEventsAreNotStored(t *testing.T) {
	c := newLedgerClientele(t)
	heed := c.launch()
	web := &http.Client{Timeout: 30 * time.Second}
	defer web.CloseIdleConnections()
	now := time.Now()
	send := func(choice string, event *schemas.ConsentEvent, pages int) schemas.Answer {
		t.Helper()
		b := schemas.Batch{Version: 1, Sent: now.UnixMilli(), Choice: choice, Consent: event, Visitor: strings.Repeat("1a", 16), Events: []schemas.Event{}}
		for range pages {
			b.Events = append(b.Events, schemas.Event{ID: uuid.Must(uuid.NewV7()).String(), Kind: schemas.Page, Created: now.UnixMilli(), URL: killOrigin + "/"})
		}
		body, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := c.post(web, string(body), http.StatusAccepted) // it has a body only where there is something to say
		if len(answer.Rejected) > 0 {
			t.Fatalf("POST = %+v, want nothing rejected", answer)
		}
		c.accepted += uint64(pages)
		return answer
	}
	choice := consent.Choice{Granted: consent.All, Day: consent.DayOf(now), Notice: c.notice}
	granted := send(choice.String(), acceptedNow(now), 3).Choice
	if granted == "" {
		t.Fatal("the answer to a grant has no sealed choice")
	}
	choice.Granted = consent.Essential
	event := acceptedNow(now)
	event.Event, event.Ends = schemas.ConsentWithdraw, granted
	send(choice.String(), event, 0)
	for deadline := time.Now().Add(time.Minute); ; pause(200 * time.Millisecond) {
		send(granted, nil, 1)
		account := c.ask(heed)
		got := account.Accepted
		if got.Stored+got.Duplicate+got.Withdrawn+got.Dead+got.Pending != c.accepted {
			t.Fatalf("accepted = %+v, want %d in all", got, c.accepted)
		}
		if got.Withdrawn > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("accepted = %+v a minute after a withdrawal, want some withdrawn", got)
		}
	}
}
