-- views: one row per page view of the range, with what was learned of it afterwards. The queries that count views
-- start with this text.
--
-- A consented event may list page views that its page load had sent anonymously: those are taken over by its visitor.
-- A view is followed for 24 hours from its own moment, so that it weighs the same in every range that contains it.
-- The order key has the day before the time, so each range is also said in days: that is what finds its granules.
-- What was loaded after as_of is not looked at, so that the questions of one document see the same rows.
-- Receipt by the collector can put a view up to minutes behind its own engagement; hence the margin before the range.
WITH
    claims AS
    (
        SELECT arrayJoin(anonymous_ids) AS claimed, argMin(visitor, time) AS claimant, min(time) AS claimed_at
        FROM events
        WHERE site = {site:String} AND NOT anonymous AND notEmpty(anonymous_ids)
            AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE)
                AND toDate({to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
            AND time >= {from:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE
            AND time < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY AND loaded <= {as_of:DateTime64(3, 'UTC')}
        GROUP BY claimed
    ),
    engagement AS
    (
        SELECT view AS engaged, groupArray((time, engaged_ms)) AS reports
        FROM events
        WHERE site = {site:String} AND kind = 'engagement'
            AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE)
                AND toDate({to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
            AND time >= {from:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE
            AND time < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY AND loaded <= {as_of:DateTime64(3, 'UTC')}
        GROUP BY engaged
    ),
    views AS
    (
        SELECT
            page.time AS time,
            page.anonymous AS anonymous,
            anonymous AND claimed_at >= page.time - INTERVAL 10 MINUTE
                AND claimed_at < page.time + INTERVAL 1 DAY AS taken_over,
            if(taken_over, claimant, page.visitor) AS visitor,
            if(anonymous AND NOT taken_over, 0, arrayMax(
                report -> if(report.1 >= page.time - INTERVAL 10 MINUTE AND report.1 < page.time + INTERVAL 1 DAY, report.2, 0),
                arrayPushBack(reports, (page.time, 0))
            )) AS engaged_ms,
            host, path, utm_source, referrer_host, country, region, device, browser, os
        FROM events AS page
        LEFT JOIN claims ON page.id = claimed
        LEFT JOIN engagement ON page.id = engaged
        WHERE site = {site:String} AND kind = 'page'
            AND toDate(page.time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
            AND page.time >= {from:DateTime64(3, 'UTC')} AND page.time < {to:DateTime64(3, 'UTC')}
            AND page.loaded <= {as_of:DateTime64(3, 'UTC')}
            AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
    )
