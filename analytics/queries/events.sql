-- The owner's own events by name.
SELECT
    name,
    count() AS happened,
    uniqExactIf(visitor, visitor != toFixedString('', 16)) AS visitors
FROM events
WHERE site = {site:String} AND kind = 'custom'
    AND toDate(time) BETWEEN toDate({from:DateTime64(3, 'UTC')}) AND toDate({to:DateTime64(3, 'UTC')})
    AND time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
    AND loaded <= {as_of:DateTime64(3, 'UTC')}
    AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))
GROUP BY name
ORDER BY happened DESC, name
LIMIT {limit:UInt32}
