-- Page views and forms counted by quarter of an hour, the finest step that every time zone's day is made of.
-- A projection lives in the part of its rows, so a block is in both or in neither.
ALTER TABLE events ADD PROJECTION IF NOT EXISTS by_path
(
    SELECT
        site, kind, anonymous, bot, toStartOfFifteenMinutes(time) AS bucket, host, path, form,
        count(), uniqExact(visitor)
    GROUP BY site, kind, anonymous, bot, bucket, host, path, form
);

ALTER TABLE events ADD PROJECTION IF NOT EXISTS by_source
(
    SELECT
        site, kind, anonymous, bot, toStartOfFifteenMinutes(time) AS bucket,
        utm_source, referrer_host, country, device, browser,
        count(), uniqExact(visitor)
    GROUP BY site, kind, anonymous, bot, bucket, utm_source, referrer_host, country, device, browser
);

ALTER TABLE events MATERIALIZE PROJECTION by_path SETTINGS mutations_sync = 1;

ALTER TABLE events MATERIALIZE PROJECTION by_source SETTINGS mutations_sync = 1;
