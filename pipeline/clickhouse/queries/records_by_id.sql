SELECT site, row_index, hash, prev, record, id, time, event, method, jurisdiction, country, region, categories, wall, notice, shown, ends,
    source_origin, source_partition, source_offset, source_event, loaded
FROM consent_records
WHERE site = {site:String} AND id IN {ids:Array(UUID)}
