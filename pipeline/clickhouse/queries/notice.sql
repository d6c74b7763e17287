SELECT site, id, shown, material, text
FROM consent_notices
WHERE startsWith(shown, {shown:String}) AND ({site:String} = '' OR site = {site:String})
ORDER BY stored
LIMIT 1
