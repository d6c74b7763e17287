package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"heed/pipeline/load"
)

// letterQuestion is what is to be done with dead letters.
type letterQuestion struct {
	Verb   string            `json:"verb"`
	Filter load.LetterFilter `json:"filter"`
	At     string            `json:"at"` // one letter's position
	Limit  int               `json:"limit"`
	JSON   bool              `json:"json"`
}

// The verbs of heed deadletter.
const (
	letterList   = "list"
	letterShow   = "show"
	letterReplay = "replay"
	letterDrop   = "drop"
)

const letterPlace = " They lie in Kafka's topic of dead letters where kafka.brokers is set, else in ClickHouse; while heed " +
	"serve runs on the data folder, it is asked."

func deadletterCommands() []command {
	return []command{
		letterCommand(letterList, "[filter]", "List the events that could not be stored, and why.", "", "--reason visitor"),
		letterCommand(letterShow, "--at POSITION", "Show one such event with its bytes.", "", "--at heed-events.1/3/1402/0"),
		letterCommand(letterReplay, "[filter]", "Store those that can be stored now.",
			"Run it after the cause is mended. Events that are stored already are not stored again, and what still cannot be "+
				"stored is told and kept. Those that died in the last ten seconds are left alone.", "--since 2026-03-01T00:00:00Z"),
		letterCommand(letterDrop, "--at POSITION", "Forget the bytes of one for good.", "When and why it died stays.",
			"--at heed-events.1/3/1402/0"),
	}
}

func letterCommand(verb, args, summary, detail, example string) command {
	return command{
		name: "deadletter " + verb, args: args, summary: summary, detail: detail + letterPlace,
		example: "heed deadletter " + verb + " " + example,
		own: func(f *flags) {
			if verb == letterShow || verb == letterDrop {
				f.set.String("at", "", "The event's `position`, as heed deadletter list shows it.")
			} else {
				f.set.String("since", "", "Died at this `instant` or later, as 2026-03-01T00:00:00Z.")
				f.set.String("until", "", "Died before this `instant`.")
				f.set.String("reason", "", "A `part` of the reason.")
				f.set.String("site", "", "The site's `id`.")
			}
			if verb == letterList {
				f.set.Bool("all", false, "Also those that were stored or dropped since.")
				f.set.Int("limit", 100, "Most `rows` shown.")
			}
			if verb == letterList || verb == letterShow {
				f.set.Bool("json", false, "Print JSON, one event a line, with its bytes in base64.")
			}
		},
		run: func(ctx context.Context, p *program, f *flags) error { return runLetters(ctx, p, f, verb) },
	}
}

func runLetters(ctx context.Context, p *program, f *flags, verb string) error {
	cfg, err := loadConfig(p, f)
	if err != nil {
		return err
	}
	q, err := readLetterQuestion(f, verb)
	if err != nil {
		return err
	}
	if cfg.isCluster() {
		return lettersOfTopic(ctx, p, cfg, q)
	}
	err = askOffice(ctx, p, cfg, lettersPath, q)
	if !errors.Is(err, errNotRunning) {
		return err
	}
	return withStore(ctx, p, cfg, func(s ownStore) error {
		return q.answer(ctx, letterOffice{load.NewDeadLetters(s.Store, s.logger, p.now), s.Store, p.now}, p.stdout)
	})
}

// readLetterQuestion reads the command's own flags.
func readLetterQuestion(f *flags, verb string) (q letterQuestion, err error) {
	q.Verb = verb
	if verb == letterShow || verb == letterDrop {
		q.At = f.text("at")
		if _, err := load.ParseSource(q.At); err != nil {
			return q, &usageError{fmt.Sprintf("--at: %v; heed deadletter list shows positions", err)}
		}
	} else {
		q.Filter.Reason, q.Filter.Site = f.text("reason"), f.text("site")
		for name, at := range map[string]*time.Time{"since": &q.Filter.Since, "until": &q.Filter.Until} {
			if *at, err = readInstant(f, name); err != nil {
				return q, err
			}
		}
	}
	if verb == letterList {
		q.Filter.Ended = f.on("all")
		if _, err := fmt.Sscan(f.text("limit"), &q.Limit); err != nil || q.Limit < 1 {
			return q, &usageError{"--limit: write a number above 0"}
		}
	}
	if verb == letterList || verb == letterShow {
		q.JSON = f.on("json")
	}
	return q, nil
}

// readInstant reads a flag that holds a time, the zero time when it is left out.
func readInstant(f *flags, name string) (time.Time, error) {
	text := f.text(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &usageError{fmt.Sprintf("--%s: %q is no instant; write it as 2026-03-01T00:00:00Z", name, text)}
	}
	return at, nil
}

// letterOffice is where dead letters lie, and where they go when they are replayed.
type letterOffice struct {
	letters *load.DeadLetters
	into    load.Store // nil: a replay is not possible
	now     func() time.Time
}

// letterRest is how long a batch with a dead letter has to come to rest before the letter is replayed.
const letterRest = 10 * time.Second

// answer does what is asked and says what came of it.
func (q letterQuestion) answer(ctx context.Context, office letterOffice, w io.Writer) error {
	switch q.Verb {
	case letterList:
		return q.list(ctx, office, w)
	case letterReplay:
		return q.replay(ctx, office, w)
	}
	at, err := load.ParseSource(q.At)
	if err != nil {
		return err
	}
	if q.Verb == letterDrop {
		if err := office.letters.Drop(ctx, at); err != nil {
			return err
		}
		fmt.Fprintf(w, "dropped %s\n", q.At)
		return nil
	}
	letter, err := office.letters.Show(ctx, at)
	if err != nil {
		return err
	}
	if q.JSON {
		return writeLetterJSON(w, letter)
	}
	return showLetter(w, letter)
}

// errEnough ends a list at its limit.
var errEnough = errors.New("enough")

func (q letterQuestion) list(ctx context.Context, office letterOffice, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	shown := 0
	err := office.letters.Each(ctx, q.Filter, func(letter load.Letter) error {
		if shown++; shown > q.Limit {
			return errEnough
		}
		if q.JSON {
			return writeLetterJSON(w, letter)
		}
		if shown == 1 {
			fmt.Fprintln(table, "POSITION\tDIED\tSTATE\tSITE\tBYTES\tREASON")
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", load.FormatSource(letter.Source),
			letter.Time.UTC().Format(time.DateTime), letter.State, orDash(printable(letter.Site)), len(letter.Envelope), letter.Reason)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := table.Flush(); err != nil || q.JSON {
		return err
	}
	switch {
	case shown == 0:
		fmt.Fprintln(w, "no dead letters")
	case shown > q.Limit:
		fmt.Fprintf(w, "there are more than %d; narrow them with --since, --reason or --site, or raise --limit\n", q.Limit)
	}
	return nil
}

func (q letterQuestion) replay(ctx context.Context, office letterOffice, w io.Writer) error {
	if latest := office.now().Add(-letterRest); q.Filter.Until.IsZero() || q.Filter.Until.After(latest) {
		q.Filter.Until = latest
	}
	revival, err := office.letters.Replay(ctx, q.Filter, office.into, func(letter load.Letter, err error) {
		fmt.Fprintf(w, "%s stays: %v\n", load.FormatSource(letter.Source), err)
	})
	fmt.Fprintf(w, "%d stored, %d were stored already, %d stay\n", revival.Loaded, revival.Duplicates, revival.Failed)
	if revival.Withdrawn > 0 {
		fmt.Fprintf(w, "%d were dropped: their visitors have withdrawn\n", revival.Withdrawn)
	}
	return err
}

func showLetter(w io.Writer, letter load.Letter) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, text string) { fmt.Fprintf(table, "%s\t%s\n", name, text) }
	row("Position", load.FormatSource(letter.Source))
	row("State", string(letter.State))
	row("Reason", letter.Reason)
	row("Died", letter.Time.UTC().Format(time.RFC3339))
	row("Site", orDash(printable(letter.Site)))
	if !letter.Received.IsZero() {
		row("Received", letter.Received.UTC().Format(time.RFC3339))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s", hex.Dump(letter.Envelope))
	return err
}

func writeLetterJSON(w io.Writer, letter load.Letter) error {
	return json.NewEncoder(w).Encode(struct {
		Position string           `json:"position"`
		State    load.LetterState `json:"state"`
		Reason   string           `json:"reason"`
		Died     time.Time        `json:"died"`
		Site     string           `json:"site"`
		Received time.Time        `json:"received,omitzero"`
		Envelope string           `json:"envelope"`
	}{load.FormatSource(letter.Source), letter.State, letter.Reason, letter.Time.UTC(), letter.Site, letter.Received,
		base64.StdEncoding.EncodeToString(letter.Envelope)})
}
