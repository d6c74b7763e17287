SELECT site, id, source_origin, source_partition, source_offset, source_event, loaded
FROM events
WHERE loaded >= {from:DateTime64(3, 'UTC')} AND loaded < {to:DateTime64(3, 'UTC')}
ORDER BY loaded DESC
LIMIT {limit:UInt64}
