-- Where views came from, by views. Only arrivals are here: a view whose referrer is a host of the site itself goes on
-- with a visit, and says nothing about where the visit came from.
SELECT
    multiIf(utm_source != '', 'campaign', referrer_host != '', 'referrer', 'direct') AS type,
    multiIf(utm_source != '', utm_source, referrer_host) AS source,
    countIf(NOT anonymous) AS views,
    countIf(anonymous) AS anonymous_views,
    countIf(taken_over) AS taken_over_views,
    uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors,
    sum(engaged_ms) AS engaged_ms,
    intDivOrZero(engaged_ms, views + taken_over_views) AS engaged_ms_average
FROM views
WHERE utm_source != '' OR referrer_host NOT IN
(
    SELECT DISTINCT host
    FROM events
    WHERE site = {site:String} AND kind = 'page' AND host != ''
        AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
        AND time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
)
GROUP BY type, source
ORDER BY views + anonymous_views DESC, type, source
LIMIT {limit:UInt32}
