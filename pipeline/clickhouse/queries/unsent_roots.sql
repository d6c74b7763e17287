SELECT site, size, day, note, key, made, sent, sent_to, expired
FROM consent_roots FINAL
WHERE sent = toDateTime64(0, 3, 'UTC')
ORDER BY day, site, size
LIMIT 10000
