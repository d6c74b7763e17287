-- A mutation and not a lightweight DELETE: the bytes are to be gone, not hidden until a merge.
ALTER TABLE dead_letters DELETE
WHERE source_origin = {origin:String} AND source_partition = {partition:UInt32}
  AND source_offset = {offset:UInt64} AND source_event = {event:UInt32} AND notEmpty(envelope)
SETTINGS mutations_sync = 2
