SELECT site, size, day, note, key, made, sent, sent_to, expired
FROM consent_roots FINAL
WHERE {site:String} = '' OR site = {site:String}
ORDER BY site, size
