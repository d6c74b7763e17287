INSERT INTO erased (site, source_origin, source_partition, source_offset, source_event)
SELECT site, source_origin, source_partition, source_offset, source_event
FROM events
WHERE site IN {sites:Array(String)} AND (site, hex(record)) IN arrayZip({sites:Array(String)}, arrayMap(r -> upper(r), {records:Array(String)}))
