-- What visitors have taken back, and what was taken out of events for it. Few rows beside the events; in a cluster every
-- server has all of them, since every loader asks.

-- Each consent record that was ended so far that its events cannot stay as they are. keeps is what remains to them: 0
-- nothing, so they go; 4, the bit of performance, all but their click ids. put is when the row was written, by the
-- server's clock: loaders ask for what was written lately. Rows stay for good, since an old log may be replayed.
CREATE TABLE IF NOT EXISTS withdrawn
(
    site    LowCardinality(String),
    record  FixedString(16),
    keeps   UInt8,
    at      DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    put     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(put)
PARTITION BY toYYYYMM(put)
ORDER BY (site, record, keeps)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Where each row stood that was taken out of events; a row that was listed twice counts once. Nothing else of it is kept.
CREATE TABLE IF NOT EXISTS erased
(
    site              LowCardinality(String),
    source_origin     LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(Delta, ZSTD(1)),
    source_event      UInt32 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (source_origin, source_partition, source_offset, source_event, site)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The withdrawals of which nothing is left anywhere, and when that was seen.
CREATE TABLE IF NOT EXISTS erasures
(
    site    LowCardinality(String),
    record  FixedString(16),
    keeps   UInt8,
    at      DateTime64(3, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (site, record, keeps)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE load_ends ADD COLUMN IF NOT EXISTS withdrawn UInt64 CODEC(T64, ZSTD(1)) AFTER duplicates;
