-- Codecs by measurement: CODECS.md. They hold for new parts, and for old ones as they are merged.
ALTER TABLE events
    MODIFY COLUMN id CODEC(ZSTD(1)),
    MODIFY COLUMN time CODEC(T64, ZSTD(1)),
    MODIFY COLUMN received CODEC(T64, ZSTD(1)),
    MODIFY COLUMN source_offset CODEC(T64, ZSTD(1)),
    MODIFY COLUMN jurisdiction CODEC(ZSTD(1)),
    MODIFY COLUMN record CODEC(ZSTD(1)),
    MODIFY COLUMN visitor CODEC(ZSTD(1)),
    MODIFY COLUMN view CODEC(ZSTD(1)),
    MODIFY COLUMN referrer_host CODEC(ZSTD(1)),
    MODIFY COLUMN utm_source CODEC(ZSTD(1)),
    MODIFY COLUMN utm_medium CODEC(ZSTD(1)),
    MODIFY COLUMN utm_campaign CODEC(ZSTD(1)),
    MODIFY COLUMN utm_term CODEC(ZSTD(1)),
    MODIFY COLUMN utm_content CODEC(ZSTD(1)),
    MODIFY COLUMN click_id CODEC(ZSTD(1)),
    MODIFY COLUMN country CODEC(ZSTD(1)),
    MODIFY COLUMN region CODEC(ZSTD(1)),
    MODIFY COLUMN network CODEC(ZSTD(1)),
    MODIFY COLUMN network_owner CODEC(ZSTD(1)),
    MODIFY COLUMN browser CODEC(ZSTD(1)),
    MODIFY COLUMN os CODEC(ZSTD(1)),
    MODIFY COLUMN device CODEC(ZSTD(1)),
    MODIFY COLUMN engaged_ms CODEC(T64, ZSTD(1)),
    MODIFY COLUMN props CODEC(ZSTD(1));

ALTER TABLE dead_letters MODIFY COLUMN envelope CODEC(ZSTD(3));
