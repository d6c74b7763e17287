-- What processes of a cluster tell each other: scripts and the ledger's counts. Few rows, read by any of them, so in a
-- cluster every server has all of them.

-- Every script ever served, by the hash in its name, so that a collector can serve what another one has built.
CREATE TABLE IF NOT EXISTS bundles
(
    site    LowCardinality(String),
    hash    String,
    stored  DateTime64(3, 'UTC'),
    plain   String CODEC(ZSTD(6)),
    gzip    String CODEC(NONE),
    brotli  String CODEC(NONE)
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (site, hash)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- How the events of one site ended that stood in one planned range of a partition. A range that was brought to rest
-- twice is counted once: the later row replaces the earlier.
CREATE TABLE IF NOT EXISTS load_ends
(
    site              LowCardinality(String),
    source_origin     LowCardinality(String),
    source_partition  UInt32,
    from_offset       UInt64 CODEC(Delta, ZSTD(1)),
    to_offset         UInt64 CODEC(Delta, ZSTD(1)),
    stored            UInt64 CODEC(T64, ZSTD(1)),
    duplicates        UInt64 CODEC(T64, ZSTD(1)),
    dead              UInt64 CODEC(T64, ZSTD(1)),
    at                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(at)
PARTITION BY toYYYYMM(at)
ORDER BY (site, source_origin, source_partition, from_offset, to_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

-- What each collector has counted since its log began: code is arrived, accepted or the code of a rejection. The
-- latest row of a log, site and code is the only one that counts.
CREATE TABLE IF NOT EXISTS edge_counts
(
    site   LowCardinality(String),
    log    LowCardinality(String),
    code   LowCardinality(String),
    count  UInt64,
    at     DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (site, log, code)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
