SELECT site, uniqExact(source_origin, source_partition, source_offset, source_event)
FROM erased
WHERE empty({origins:Array(String)}) OR source_origin IN {origins:Array(String)}
GROUP BY site
