-- One line for everything that migrations make, named alike on one server and in a cluster.
WITH ours AS
(
    SELECT name AS local, replaceRegexpOne(name, '_local$', '') AS named, partition_key, sorting_key, engine_full
    FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
)
SELECT named, 'table' AS kind, '' AS thing, format('PARTITION BY {} ORDER BY {}', partition_key, sorting_key) AS is FROM ours
UNION ALL
SELECT named, 'ttl', '', extract(engine_full, ' TTL (.*?)(?: SETTINGS|$)') FROM ours
UNION ALL
SELECT named, 'setting', replaceOne(splitByString(' = ', pair)[1], 'non_replicated', 'replicated'), splitByString(' = ', pair)[2]
FROM ours ARRAY JOIN splitByString(', ', extract(engine_full, ' SETTINGS (.*)$')) AS pair
WHERE notEmpty(pair) AND NOT startsWith(pair, 'index_granularity')
UNION ALL
SELECT named, 'column', name, trimRight(concat(type, ' ', compression_codec))
FROM system.columns INNER JOIN ours ON table = local WHERE database = currentDatabase()
UNION ALL
SELECT named, 'index', name, format('{} TYPE {} GRANULARITY {}', if(position(expr, ', ') > 0, concat('(', expr, ')'), expr), type_full, toString(granularity))
FROM system.data_skipping_indices INNER JOIN ours ON table = local WHERE database = currentDatabase()
UNION ALL
SELECT named, 'projection', name, query
FROM system.projections INNER JOIN ours ON table = local WHERE database = currentDatabase()
