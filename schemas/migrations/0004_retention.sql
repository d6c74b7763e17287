-- A row lives as many months as its retention class says, counted from its time; class 0 is kept for ever. A part holds
-- one class and month, so it is dropped whole once its last row is over, and nothing is rewritten for it.
ALTER TABLE events MODIFY SETTING ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1;

ALTER TABLE events MODIFY TTL if(retention = 0, toDateTime('2106-01-01 00:00:00', 'UTC'), toDateTime(time, 'UTC') + toIntervalMonth(retention))
SETTINGS mutations_sync = 1;
