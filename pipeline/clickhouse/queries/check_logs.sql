SELECT false AS broken, format('system.{} has no TTL and grows for ever: {} by now', name, formatReadableSize(ifNull(total_bytes, 0))) AS what,
    format('ALTER TABLE system.{0} MODIFY TTL event_date + INTERVAL 7 DAY, and <{0}><ttl>event_date + INTERVAL 7 DAY</ttl></{0}> in the server\'s configuration', name) AS remedy
FROM system.tables
WHERE database = 'system' AND engine LIKE '%MergeTree' AND name LIKE '%\_log%' AND engine_full NOT LIKE '% TTL %'
ORDER BY name
