-- What happened from each edge to the next. The edges, in ms since the Unix epoch, are the starts of hours or days in
-- the asked zone; Go computes them, so that one zone database decides. Edges without a view have no row.
SELECT
    roundDown(toUnixTimestamp64Milli(time), {edges:Array(Int64)}) AS edge,
    countIf(NOT anonymous) AS views,
    countIf(anonymous) AS anonymous_views,
    countIf(taken_over) AS taken_over_views,
    uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors,
    sum(engaged_ms) AS engaged_ms,
    intDivOrZero(engaged_ms, views + taken_over_views) AS engaged_ms_average
FROM views
GROUP BY edge
ORDER BY edge
