SELECT plain, gzip, brotli
FROM bundles
WHERE site = {site:String} AND hash = {hash:String}
ORDER BY stored DESC
LIMIT 1
