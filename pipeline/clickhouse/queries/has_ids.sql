SELECT id, source_origin, source_partition, source_offset, source_event
FROM events
WHERE site = {site:String} AND id IN {ids:Array(UUID)}
