SELECT site, record, keeps, min(at)
FROM withdrawn
WHERE (site, record, keeps) NOT IN (SELECT site, record, keeps FROM erasures)
GROUP BY site, record, keeps
HAVING max(put) <= now64(3) - toIntervalSecond({seconds:UInt32})
ORDER BY max(put), site, record
LIMIT {limit:UInt64}
