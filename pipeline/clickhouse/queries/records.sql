-- WITH TIES: the next question goes on behind the last index, and a row that stands twice has to be seen twice.
SELECT site, row_index, hash, prev, record, id, time, event, method, jurisdiction, country, region, categories, wall, notice, shown, ends,
    source_origin, source_partition, source_offset, source_event, loaded
FROM consent_records
WHERE site = {site:String} AND row_index >= {from:UInt64}
ORDER BY row_index
LIMIT {limit:UInt64} WITH TIES
