-- What pages were kept from and which names they have set, counted by site and day: what is held (a host, kind that of the
-- request) or name (of a cookie or storage key, kind its place). kind more, without a name, is what was beyond the bounds
-- of a day. There is nothing of a visitor in it.
--
-- Each process writes the sums since it began under a random id: of several rows the highest count is the one that counts.
-- days is the longest lifetime that was seen of a cookie, 0 where none was; http says that an answer has set it.
CREATE TABLE IF NOT EXISTS inventory
(
    site     LowCardinality(String),
    day      Date,
    what     LowCardinality(String),
    kind     LowCardinality(String),
    name     String,
    process  LowCardinality(String),
    count    UInt64 CODEC(T64, ZSTD(1)),
    days     UInt32 CODEC(T64, ZSTD(1)),
    http     Bool
)
ENGINE = ReplacingMergeTree(count)
PARTITION BY toYYYYMM(day)
ORDER BY (site, what, day, kind, name, process)
TTL day + toIntervalMonth(13)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;
