CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name    String,
    applied DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
