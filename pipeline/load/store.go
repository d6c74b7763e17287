package load

import (
	"context"
	"time"

	"heed/pipeline/clickhouse"
	"heed/schemas"
)

// Store is where rows come to rest. *clickhouse.Store is one. Each method returns after the outcome is known, or
// with an error after which it is not.
type Store interface {
	WithdrawnStore
	// Blocks parts rows into what one Insert stores all or none of: rows of one retention class and month and, in a
	// cluster, of one shard. The order is the same for the same rows. A block may have rows themselves, not a copy.
	Blocks(ctx context.Context, rows []clickhouse.Row) ([]*clickhouse.Block, error)
	// Prepare does what it can of InsertBlock's work ahead of it. Rows may not change between the two, their Loaded
	// excepted. It stores nothing, and may do nothing at all.
	Prepare(b *clickhouse.Block)
	// InsertBlock stores a block. The same token does not store twice; 10,000 at least are remembered.
	InsertBlock(ctx context.Context, token string, b *clickhouse.Block) error
	// RefuseStale makes InsertBlock refuse, from now on and for all users of the store, rows whose Loaded lies more than a
	// minute behind the store's clock when they arrive there; the error is no clickhouse.ErrRefused.
	RefuseStale(ctx context.Context) error
	// Present returns which rows of origin are stored at the positions from … to, at least; more do no harm.
	Present(ctx context.Context, origin string, from, to schemas.Source) ([]clickhouse.Stored, error)
	// Erased returns where rows of origin stood that the deletion routine has taken, or is about to take, at the
	// positions from … to, at least.
	Erased(ctx context.Context, origin string, from, to schemas.Source) ([]schemas.Source, error)
	// HasIDs returns the positions of those events that are stored.
	HasIDs(ctx context.Context, keys []clickhouse.EventKey) (map[clickhouse.EventKey]schemas.Source, error)
	// RecentIDs yields at most limit events loaded since then, the newest first.
	RecentIDs(ctx context.Context, since time.Time, limit int,
		yield func(key clickhouse.EventKey, source schemas.Source, loaded time.Time) error) error
}

// DeadSink takes what cannot be a row: a table (*clickhouse.Store), or a topic.
type DeadSink interface {
	// InsertDead stores dead letters of one month. It returns once they are durable, or with an error after which the
	// outcome is not known and the same call is repeated. The same token need not store twice, but may: whoever reads
	// dead letters takes those of one source position for one.
	InsertDead(ctx context.Context, token string, letters []clickhouse.DeadLetter) error
}

// EndsStore takes, with each batch, how its events ended.
type EndsStore interface {
	// InsertEnds stores rows of one batch in one block. The same token does not store twice.
	InsertEnds(ctx context.Context, token string, ends []clickhouse.LoadEnds) error
}

// DeadStore is a DeadSink that can be read. *clickhouse.Store is one.
type DeadStore interface {
	DeadSink
	// EachDead yields what InsertDead has stored with a time in [since, until), in any order, repeats included. An error
	// of yield ends it and is returned.
	EachDead(ctx context.Context, since, until time.Time, yield func(clickhouse.DeadLetter) error) error
	// DropDead makes the bytes of the dead letters at a position unreadable. Rows without bytes stay.
	DropDead(ctx context.Context, source schemas.Source) error
}

var (
	_ Store     = (*clickhouse.Store)(nil)
	_ DeadStore = (*clickhouse.Store)(nil)
	_ EndsStore = (*clickhouse.Store)(nil)
)
