-- _state has to be named: without it parts that are being deleted are left out.
SELECT count()
FROM system.parts
WHERE database = {database:String} AND table IN ('events', 'events_local', 'dead_letters', 'dead_letters_local')
  AND _state IN ('Outdated', 'Deleting', 'DeleteOnDestroy') AND remove_time <= {replaced:DateTime64(3, 'UTC')}
