-- The range in one row. Bots are counted whatever is asked, so that nobody wonders where views went.
SELECT *
FROM
(
    SELECT
        countIf(NOT anonymous) AS views,
        countIf(anonymous) AS anonymous_views,
        countIf(taken_over) AS taken_over_views,
        uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors,
        sum(engaged_ms) AS engaged_ms,
        intDivOrZero(engaged_ms, views + taken_over_views) AS engaged_ms_average
    FROM views
) AS seen
CROSS JOIN
(
    SELECT
        countIf(kind = 'form' AND wanted) AS forms_sent,
        countIf(kind = 'custom' AND wanted) AS custom_events,
        countIf(kind = 'page' AND bot != '') AS bot_views
    FROM
    (
        SELECT kind, bot, {bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only') AS wanted
        FROM events
        WHERE site = {site:String}
            AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
            AND time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
            AND loaded <= {as_of:DateTime64(3, 'UTC')}
    )
) AS done
