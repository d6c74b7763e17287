SELECT id
FROM consent_records
WHERE site = {site:String}
GROUP BY id
HAVING count() > 1
ORDER BY min(row_index)
LIMIT 1
