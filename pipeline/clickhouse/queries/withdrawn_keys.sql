SELECT site, record, groupBitAnd(keeps)
FROM withdrawn
WHERE (site, record) IN (
    SELECT pair.1, toFixedString(unhex(pair.2), 16)
    FROM (SELECT arrayJoin(arrayZip({sites:Array(String)}, {records:Array(String)})) AS pair))
GROUP BY site, record
