SELECT count(), if(count() = 0, 0, dateDiff('second', min(since), now64(3)))
FROM
(
    SELECT min(put) AS since
    FROM withdrawn
    WHERE (site, record, keeps) NOT IN (SELECT site, record, keeps FROM erasures)
    GROUP BY site, record, keeps
)
