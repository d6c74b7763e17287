-- When the latest of the rows was loaded that a question about this range may look at. Each insert has a later time of
-- load than all before it, so what is loaded up to here stays the same while questions are asked.
SELECT max(loaded) AS latest
FROM events
WHERE site = {site:String}
    AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE)
        AND toDate({to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
