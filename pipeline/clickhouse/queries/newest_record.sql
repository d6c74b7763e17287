-- The last row of each chain, not the largest time: a record that was stamped years ahead says nothing once another is behind it.
SELECT max(last)
FROM (SELECT argMax(time, row_index) AS last FROM consent_records WHERE loaded < {before:DateTime64(3, 'UTC')} GROUP BY site)
