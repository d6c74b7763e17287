SELECT time, reason, source_origin, source_partition, source_offset, source_event, envelope
FROM dead_letters
WHERE multiSearchAny(envelope, arrayMap(r -> unhex(r), {records:Array(String)}))
