ALTER TABLE events
    UPDATE click_id = '', click_id_kind = '', categories = bitAnd(categories, 247) -- all but advertising
WHERE site IN {sites:Array(String)} AND (site, hex(record)) IN arrayZip({sites:Array(String)}, arrayMap(r -> upper(r), {records:Array(String)}))
SETTINGS mutations_sync = 2
