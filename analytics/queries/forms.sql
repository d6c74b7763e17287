-- Forms that were sent, by the page they stand on.
SELECT
    form,
    host,
    path,
    count() AS sent,
    uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors
FROM events
WHERE site = {site:String} AND kind = 'form'
    AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
    AND time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
    AND loaded <= {as_of:DateTime64(3, 'UTC')}
    AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
GROUP BY form, host, path
ORDER BY sent DESC, form, host, path
LIMIT {limit:UInt32}
