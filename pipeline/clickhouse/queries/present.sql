-- The bounds of partition and offset let the skip index drop granules; the tuple comparison is the exact range.
SELECT source_partition, source_offset, source_event, id, site
FROM events
WHERE source_origin = {origin:String}
  AND source_partition BETWEEN {from_partition:UInt32} AND {to_partition:UInt32}
  AND source_offset BETWEEN {least_offset:UInt64} AND {most_offset:UInt64}
  AND (source_partition, source_offset, source_event) >= ({from_partition:UInt32}, {from_offset:UInt64}, {from_event:UInt32})
  AND (source_partition, source_offset, source_event) <= ({to_partition:UInt32}, {to_offset:UInt64}, {to_event:UInt32})
