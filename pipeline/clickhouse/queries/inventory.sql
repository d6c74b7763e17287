SELECT kind, name, sum(most) AS times, max(longest), max(by_answer), min(day), max(day)
FROM
(
    SELECT kind, name, day, process, max(count) AS most, max(days) AS longest, max(http) AS by_answer
    FROM inventory
    WHERE site = {site:String} AND what = {what:String} AND day >= {since:Date}
    GROUP BY kind, name, day, process
)
GROUP BY kind, name
ORDER BY times DESC, name, kind
LIMIT {limit:UInt64}
