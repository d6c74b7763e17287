ALTER TABLE events DELETE
WHERE site IN {sites:Array(String)} AND (site, hex(record)) IN arrayZip({sites:Array(String)}, arrayMap(r -> upper(r), {records:Array(String)}))
SETTINGS mutations_sync = 2
