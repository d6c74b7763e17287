SELECT site, max(row_index) + 1
FROM consent_records
GROUP BY site
ORDER BY site
