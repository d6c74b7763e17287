SELECT true AS broken, format('a change of table {} does not come to its end: {}', table, latest_fail_reason) AS what,
    format('remove the cause, or KILL MUTATION WHERE mutation_id = \'{}\'', mutation_id) AS remedy
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND notEmpty(latest_fail_reason)
UNION ALL
SELECT count() > 1500, format('partition {} of table {} has {} parts: merges do not keep up', partition, table, toString(count())),
    'raise load.max_rows and load.max_wait, or give ClickHouse more CPU and disk'
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table, partition
HAVING count() > 300
UNION ALL
SELECT free_space < total_space / 50, format('disk {} has {} left of {}', name, formatReadableSize(free_space), formatReadableSize(total_space)),
    'make room, add disk, or shorten retention_months of sites'
FROM system.disks
WHERE total_space > 0 AND free_space < total_space / 10
