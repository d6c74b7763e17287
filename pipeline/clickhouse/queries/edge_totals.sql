SELECT site, code, sum(latest), max(counted)
FROM
(
    SELECT site, code, argMax(count, at) AS latest, max(at) AS counted
    FROM edge_counts
    GROUP BY site, log, code
)
GROUP BY site, code
ORDER BY site, code
