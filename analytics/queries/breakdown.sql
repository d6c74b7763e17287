-- Views by one of their properties: country, device, browser or os. The caller takes the name from a closed set.
SELECT
    {dimension:Identifier} AS value,
    countIf(NOT anonymous) AS views,
    countIf(anonymous) AS anonymous_views,
    countIf(taken_over) AS taken_over_views,
    uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors,
    sum(engaged_ms) AS engaged_ms,
    intDivOrZero(engaged_ms, views + taken_over_views) AS engaged_ms_average
FROM views
GROUP BY value
ORDER BY views + anonymous_views DESC, value
LIMIT {limit:UInt32}
