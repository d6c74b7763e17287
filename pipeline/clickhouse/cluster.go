package clickhouse

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/go-faster/city"
)

// shardKeys names the tables that are spread over a cluster's shards, and by what. Every other table has few rows and is
// whole on every server. The doubles of an event meet on one shard.
var shardKeys = map[string]string{
	"events":       eventShardKey,
	"dead_letters": "cityHash64(source_origin, source_partition, source_offset, source_event)",
}

// eventShardKey is what shardOf computes.
const eventShardKey = "cityHash64(id)"

// dialect renders the statements that make, change or clean tables: as they stand for one server, and for a cluster with
//
//	events        Distributed over events_local, and so each table of shardKeys
//	events_local  Replicated…MergeTree within its shard, with indexes, projections, codecs and TTL
//	the others    Replicated…MergeTree whose replicas are all servers
//
// The servers' macros {shard} and {replica} tell them apart.
type dialect struct {
	cluster string // empty: one server

	// The embedded engine, which stands in for a server in tests, can do neither.
	onlyHere bool // no ON CLUSTER
	plain    bool // nothing replicated
}

var (
	tableName  = regexp.MustCompile(`(?m)^((?:CREATE TABLE IF NOT EXISTS|ALTER TABLE|DELETE FROM) )(\w+)`)
	engineName = regexp.MustCompile(`(?m)^ENGINE = (\w*MergeTree)(?:\((\w*)\))?`)
)

// render turns one statement of a migration into that of the dialect.
func (d dialect) render(statement string) string {
	names := tableName.FindStringSubmatch(statement)
	if d.cluster == "" || names == nil {
		return statement
	}
	_, sharded := shardKeys[names[2]]
	suffix := ""
	if sharded {
		suffix = "_local"
	}
	statement = tableName.ReplaceAllString(statement, "${1}${2}"+suffix+d.onCluster())
	if d.plain {
		return statement
	}
	place := `'/heed/{database}/{table}', '{shard}-{replica}'`
	if sharded {
		place = `'/heed/{database}/{table}/{shard}', '{replica}'`
	}
	statement = engineName.ReplaceAllStringFunc(statement, func(engine string) string {
		parts := engineName.FindStringSubmatch(engine)
		if parts[2] != "" {
			place += ", " + parts[2]
		}
		return "ENGINE = Replicated" + parts[1] + "(" + place + ")"
	})
	return strings.ReplaceAll(statement, "non_replicated_deduplication_window", "replicated_deduplication_window")
}

// onCluster is the clause that makes every server run a statement.
func (d dialect) onCluster() string {
	if d.cluster == "" || d.onlyHere {
		return ""
	}
	return " ON CLUSTER " + quoteName(d.cluster)
}

// spread is the statement that makes, or makes again, the table through which a sharded one is read and written; ""
// when statement does not touch such a table. Made again it has the columns that the local table has by then.
func (d dialect) spread(statement, database string) string {
	names := tableName.FindStringSubmatch(statement)
	if d.cluster == "" || names == nil || shardKeys[names[2]] == "" {
		return ""
	}
	local := quoteName(database) + "." + names[2] + "_local"
	return fmt.Sprintf("CREATE OR REPLACE TABLE %s%s AS %s ENGINE = Distributed(%s, %s, %s, %s)", names[2], d.onCluster(), local,
		quoteText(d.cluster), quoteText(database), quoteText(names[2]+"_local"), shardKeys[names[2]])
}

// shards are the numbers of a cluster's shards, each as often as its weight says: the slots over which hashes go.
type shards []int

// shardCache holds the shards from the first question on: a cluster that gets another shard wants loaders restarted.
type shardCache struct {
	mu    sync.Mutex
	slots shards // nil before it was asked
}

// slots are the shards of the store's cluster.
func (s *Store) slots(ctx context.Context) (shards, error) {
	s.shards.mu.Lock()
	defer s.shards.mu.Unlock()
	if s.shards.slots == nil {
		slots, err := s.readShards(ctx)
		if err != nil {
			return nil, err
		}
		s.shards.slots = slots
	}
	return s.shards.slots, nil
}

// readShards asks the server for the shards of the cluster.
func (s *Store) readShards(ctx context.Context) (shards, error) {
	rows, err := s.conn.Query(ctx, statementText("shards"), driver.Named("cluster", s.cfg.Cluster))
	if err != nil {
		return nil, fmt.Errorf("read the shards of cluster %q: %w", s.cfg.Cluster, err)
	}
	defer rows.Close()
	var slots shards
	for rows.Next() {
		var number, weight uint32
		if err := rows.Scan(&number, &weight); err != nil {
			return nil, fmt.Errorf("read the shards of cluster %q: %w", s.cfg.Cluster, err)
		}
		for range weight {
			slots = append(slots, int(number))
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the shards of cluster %q: %w", s.cfg.Cluster, err)
	}
	if len(slots) == 0 {
		return nil, fmt.Errorf("the server knows no cluster %q: it stands in remote_servers of its configuration", s.cfg.Cluster)
	}
	return slots, nil
}

// of is the number of the shard that holds the event, by eventShardKey.
func (s shards) of(id []byte) int {
	var swapped [16]byte // ClickHouse keeps a UUID as two numbers with the lowest byte first
	for i := range 8 {
		swapped[i], swapped[8+i] = id[7-i], id[15-i]
	}
	return s[city.CH64(swapped[:])%uint64(len(s))]
}

// shardOf is the number of the shard that holds the row; 0 without a cluster, and for a row that none will take.
func (s *Store) shardOf(ctx context.Context, row *Row) (int, error) {
	if s.cfg.Cluster == "" || len(row.Envelope.GetId()) != 16 {
		return 0, nil
	}
	slots, err := s.slots(ctx)
	if err != nil {
		return 0, err
	}
	return slots.of(row.Envelope.Id), nil
}

// oneShard is the shard of an insert whose rows all belong to it, so that it is one part or none. It is 0 when they do
// not: then the server parts them, and each shard stores all of its rows or none.
func (s *Store) oneShard(ctx context.Context, rows []Row) (int, error) {
	shard, err := s.shardOf(ctx, &rows[0])
	if err != nil || shard == 0 {
		return 0, err
	}
	for i := range rows {
		if other, err := s.shardOf(ctx, &rows[i]); err != nil || other != shard {
			return 0, err
		}
	}
	return shard, nil
}

// catchUp returns when every server that is up has what was inserted into a table before anywhere. A quorum has an
// acknowledged insert, and what is read may come from a server outside of it; the loader's decisions must not.
func (s *Store) catchUp(ctx context.Context, table string) error {
	if s.cfg.Cluster == "" || s.dialect.plain {
		return nil
	}
	ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"distributed_ddl_output_mode": "throw_only_active"}))
	sql := fmt.Sprintf("SYSTEM SYNC REPLICA%s %s.%s LIGHTWEIGHT", s.dialect.onCluster(), quoteName(s.database), table)
	if err := s.conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("wait for replicas: %w", err)
	}
	return nil
}
