-- One row per accepted event, as the envelope (event.proto) has it, and where in the log it came from.
-- The order key starts with the tenant; a partition is one retention class and month, so that an insert, which holds
-- rows of one partition, becomes one part. Both fsyncs: the log is trimmed only behind rows that survive a power cut.
CREATE TABLE IF NOT EXISTS events
(
    site              LowCardinality(String),
    kind              Enum8('page' = 1, 'engagement' = 2, 'custom' = 3, 'form' = 4),
    id                UUID,
    time              DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    loaded            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),

    source_origin     LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64,
    source_event      UInt32,

    retried           Bool,
    unverified_origin Bool,

    jurisdiction      LowCardinality(String),
    matrix_version    UInt32,
    categories        UInt8,
    anonymous         Bool,
    notice            LowCardinality(String),
    record            String,
    retention         UInt8,

    visitor           FixedString(16),
    view              UUID,
    anonymous_ids     Array(UUID),

    host              LowCardinality(String),
    path              String CODEC(ZSTD(1)),
    referrer_host     LowCardinality(String),
    utm_source        LowCardinality(String),
    utm_medium        LowCardinality(String),
    utm_campaign      LowCardinality(String),
    utm_term          String,
    utm_content       String,
    click_id_kind     LowCardinality(String),
    click_id          String,

    country           LowCardinality(String),
    region            LowCardinality(String),
    network           UInt32,
    network_owner     LowCardinality(String),
    browser           LowCardinality(String),
    os                LowCardinality(String),
    device            LowCardinality(String),
    bot               LowCardinality(String),

    engaged_ms        UInt32,
    name              LowCardinality(String),
    form              LowCardinality(String),
    props             Map(LowCardinality(String), String),

    INDEX id_bloom id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX source_offsets (source_partition, source_offset) TYPE minmax GRANULARITY 1,
    INDEX loaded_times loaded TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY (retention, toYYYYMM(time))
ORDER BY (site, toDate(time), kind, visitor, time, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000,
    deduplicate_merge_projection_mode = 'rebuild';

-- What could not be decoded or inserted, with the reason and the bytes as they came.
CREATE TABLE IF NOT EXISTS dead_letters
(
    time              DateTime64(3, 'UTC'),
    reason            String,
    source_origin     LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64,
    source_event      UInt32,
    envelope          String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (source_origin, source_partition, source_offset, source_event)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000;
