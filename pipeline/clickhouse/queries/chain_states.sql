SELECT site, min(row_index), max(row_index) + 1, any(roots.closed)
FROM consent_records
LEFT JOIN (SELECT site, max(size) AS closed FROM consent_roots GROUP BY site) AS roots USING (site)
GROUP BY site
ORDER BY site
