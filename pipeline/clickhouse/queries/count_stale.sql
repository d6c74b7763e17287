SELECT count() FROM system.tables
WHERE database = currentDatabase() AND name = {table:String} AND create_table_query LIKE '%CONSTRAINT not\_stale CHECK%'
