-- Where views came from, by views. Only arrivals are here: a step within the site has the page's own host as its
-- referrer's, goes on with a visit, and says nothing about where the visit came from.
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
WHERE utm_source != '' OR referrer_host != host
GROUP BY type, source
ORDER BY views + anonymous_views DESC, type, source
LIMIT {limit:UInt32}
