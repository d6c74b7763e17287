SELECT time, reason, source_origin, source_partition, source_offset, source_event, envelope
FROM dead_letters
WHERE time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
ORDER BY source_origin, source_partition, source_offset, source_event, time
