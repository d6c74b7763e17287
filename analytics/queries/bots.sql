-- What was taken for a bot, by the reason why.
SELECT
    bot AS reason,
    countIf(kind = 'page') AS views,
    count() AS happened
FROM events
WHERE site = {site:String} AND bot != ''
    AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
    AND time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
    AND loaded <= {as_of:DateTime64(3, 'UTC')}
GROUP BY reason
ORDER BY happened DESC, reason
LIMIT {limit:UInt32}
