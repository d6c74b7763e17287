-- The newest first: where there are more than may be held, those are asked for most.
SELECT site, record, groupBitAnd(keeps)
FROM withdrawn
WHERE {seconds:UInt32} = 0 OR put >= now64(3) - toIntervalSecond({seconds:UInt32})
GROUP BY site, record
ORDER BY max(put) DESC
LIMIT {limit:UInt64}
