package analytics

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// section is one part of Stats: its name in the API, and how it is filled. fill reports whether it found anything.
type section struct {
	name string
	fill func(ctx context.Context, a *Analytics, q Query, s *Stats) (found bool, err error)
}

// sections in the order of Stats.
var sections = []section{
	{"summary", fillSummary},
	{"series", fillSeries},
	listed("pages", (*Analytics).Pages, func(s *Stats) *List[Page] { return &s.Pages }),
	listed("sources", (*Analytics).Sources, func(s *Stats) *List[Source] { return &s.Sources }),
	listed("countries", (*Analytics).Countries, func(s *Stats) *List[Value] { return &s.Countries }),
	listed("regions", (*Analytics).Regions, func(s *Stats) *List[Region] { return &s.Regions }),
	listed("devices", (*Analytics).Devices, func(s *Stats) *List[Value] { return &s.Devices }),
	listed("browsers", (*Analytics).Browsers, func(s *Stats) *List[Value] { return &s.Browsers }),
	listed("systems", (*Analytics).Systems, func(s *Stats) *List[Value] { return &s.Systems }),
	listed("forms", (*Analytics).Forms, func(s *Stats) *List[Form] { return &s.Forms }),
	listed("events", (*Analytics).Events, func(s *Stats) *List[Event] { return &s.Events }),
	listed("bots", (*Analytics).Bots, func(s *Stats) *List[Bot] { return &s.Bots }),
}

// Stats answers with every section at once, all of them from the same rows: what is loaded meanwhile is in none.
func (a *Analytics) Stats(ctx context.Context, q Query) (Stats, error) {
	return a.compose(ctx, q, sections)
}

// compose fills the sections that were asked for, and says why when the first of them is empty.
func (a *Analytics) compose(ctx context.Context, q Query, asked []section) (Stats, error) {
	stats := Stats{Query: q, Generated: a.now().UTC().Truncate(time.Millisecond)}
	q, err := a.snapshot(ctx, q)
	if err != nil {
		return Stats{}, err
	}
	found := make([]bool, len(asked))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConnections)
	for i, part := range asked {
		group.Go(func() (err error) {
			found[i], err = part.fill(groupCtx, a, q, &stats) // each writes its own field
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Stats{}, err
	}
	if found[0] {
		return stats, nil
	}
	if asked[0].name == "bots" {
		q.Bots = OnlyBots // that is what the section is about, whatever was asked
	}
	stats.Note, err = a.Note(ctx, q)
	return stats, err
}

// listed makes a section of a question that is answered with a list.
func listed[T any](name string, ask func(*Analytics, context.Context, Query) (List[T], error), field func(*Stats) *List[T]) section {
	return section{name, func(ctx context.Context, a *Analytics, q Query, s *Stats) (bool, error) {
		list, err := ask(a, ctx, q)
		*field(s) = list
		return len(list.Rows) > 0, err
	}}
}

// fillSummary finds nothing where only anonymous views are: zero visitors beside them want an explanation.
func fillSummary(ctx context.Context, a *Analytics, q Query, s *Stats) (bool, error) {
	summary, err := a.Summary(ctx, q)
	s.Summary = &summary
	return summary.Views+summary.TakenOverViews+summary.FormsSent+summary.CustomEvents > 0, err
}

// fillSeries finds something when any bucket holds a view.
func fillSeries(ctx context.Context, a *Analytics, q Query, s *Stats) (found bool, err error) {
	s.Series, err = a.Series(ctx, q)
	for _, bucket := range s.Series {
		found = found || bucket.Views+bucket.AnonymousViews > 0
	}
	return found, err
}

// Note says why an answer to q may be empty.
func (a *Analytics) Note(ctx context.Context, q Query) (*Note, error) {
	type row struct {
		Consented uint64    `ch:"consented_events"`
		Anonymous uint64    `ch:"anonymous_events"`
		Bots      uint64    `ch:"bot_events"`
		Ever      uint64    `ch:"events_ever"`
		Latest    time.Time `ch:"latest"`
	}
	rows, err := ask[row](ctx, a, q, noteSQL)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("ask note: %d rows, want 1", len(rows))
	}
	switch there := rows[0]; {
	case there.Ever == 0:
		return &Note{NoEvents, "no events yet: this site has not sent any that a visitor allowed"}, nil
	case there.Consented+there.Anonymous+there.Bots == 0:
		latest := there.Latest.In(q.From.Location()).Format(time.RFC3339)
		return &Note{NoEventsInRange, "no events in this range; the latest is of " + latest}, nil
	case q.Bots == OnlyBots && there.Bots == 0:
		return &Note{NoBotEvents, "nothing in this range was taken for a bot's"}, nil
	case q.Bots == ExcludeBots && there.Consented+there.Anonymous == 0:
		return &Note{OnlyBotEvents, "everything in this range was taken for a bot's and left out; ask with bots=include to see it"}, nil
	case q.Bots != OnlyBots && there.Consented == 0 && there.Anonymous > 0:
		return &Note{OnlyAnonymous, "only anonymous views in this range: nobody allowed more, so visitors, engaged time, forms and events are not known"}, nil
	default:
		return &Note{NothingOfThis, "there are events in this range, but none of the kind that is asked for"}, nil
	}
}
