SELECT DISTINCT source_partition, source_offset, source_event
FROM erased
WHERE source_origin = {origin:String}
  AND source_partition BETWEEN {from_partition:UInt32} AND {to_partition:UInt32}
  AND source_offset BETWEEN {least_offset:UInt64} AND {most_offset:UInt64}
