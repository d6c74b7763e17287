-- What proves consent (consent/record): the chained records of every site, the signed roots over them, and the notices
-- that were shown. In a cluster every server has all of it: a chain is read whole and in order, an insert is one part and
-- has one quorum, and a site's records are few beside its events.

-- The rows of all chains. No partitions: what is inserted at once is one part, whatever its times. record holds the
-- canonical bytes, over which hash stands; the columns behind it repeat some of them for queries, and heed consent verify
-- compares them. Where a row came from and when is proved by nobody.
CREATE TABLE IF NOT EXISTS consent_records
(
    site              LowCardinality(String),
    row_index         UInt64 CODEC(T64, ZSTD(1)),
    hash              FixedString(32),
    prev              FixedString(32),
    record            String CODEC(ZSTD(3)),

    id                UUID CODEC(ZSTD(1)),
    time              DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    event             LowCardinality(String),
    method            LowCardinality(String),
    jurisdiction      LowCardinality(String),
    country           LowCardinality(String),
    region            LowCardinality(String),
    categories        UInt8,
    wall              LowCardinality(String),
    notice            LowCardinality(String),
    shown             LowCardinality(String),
    ends              UUID CODEC(ZSTD(1)),

    source_origin     LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(T64, ZSTD(1)),
    source_event      UInt32,
    loaded            DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),

    INDEX id_bloom id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX source_offsets (source_partition, source_offset) TYPE minmax GRANULARITY 1,
    -- An insert that was held up must not arrive when its repeat's token is forgotten: pipeline/records/doc.go.
    CONSTRAINT not_stale CHECK throwIf(loaded < nowInBlock('UTC') - INTERVAL 1 MINUTE,
        'a row was stamped over a minute ago: its loader stood still, or the servers'' clocks differ') = 0
)
ENGINE = MergeTree
ORDER BY (site, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;

-- Each signed root. sent is when every destination had it, 1970 until then; expired says that the rows before it are no
-- longer kept. The latest row of a site and size is the only one that counts.
CREATE TABLE IF NOT EXISTS consent_roots
(
    site     LowCardinality(String),
    size     UInt64,
    day      Date,
    note     String CODEC(ZSTD(1)),
    key      LowCardinality(String),
    made     DateTime64(3, 'UTC'),
    sent     DateTime64(3, 'UTC'),
    sent_to  String,
    expired  Bool,
    changed  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(changed)
ORDER BY (site, size)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Every notice that any visitor can have seen, for ever, by the hash of its text. Both hashes are hexadecimal.
CREATE TABLE IF NOT EXISTS consent_notices
(
    site      LowCardinality(String),
    shown     String,
    id        LowCardinality(String),
    material  String,
    text      String CODEC(ZSTD(6)),
    stored    DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (site, shown)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
