-- Why an answer may be empty: what the range holds at all, and when the site was last heard of.
SELECT
    countIf(inside AND NOT anonymous AND bot = '') AS consented_events,
    countIf(inside AND anonymous AND bot = '') AS anonymous_events,
    countIf(inside AND bot != '') AS bot_events,
    count() AS events_ever,
    max(time) AS latest
FROM
(
    SELECT
        anonymous, bot, time,
        time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
            AND loaded <= {as_of:DateTime64(3, 'UTC')} AS inside
    FROM events
    WHERE site = {site:String}
)
