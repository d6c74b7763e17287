-- Not FINAL, which does not look beyond a partition: a range may have been brought to rest in two months.
SELECT site, sum(latest.1), sum(latest.2), sum(latest.3), sum(latest.4)
FROM
(
    SELECT site, argMax((stored, duplicates, withdrawn, dead), at) AS latest
    FROM load_ends
    WHERE source_origin = {origin:String}
    GROUP BY site, source_partition, from_offset, to_offset
)
GROUP BY site
ORDER BY site
