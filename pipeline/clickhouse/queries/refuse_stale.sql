ALTER TABLE events
    -- nowInBlock and not now: the moment when the rows arrive, however long ago the statement began.
    -- throwIf and not the bare condition: a violated constraint is an error of the data, and this is none.
    ADD CONSTRAINT IF NOT EXISTS not_stale CHECK throwIf(loaded < nowInBlock('UTC') - INTERVAL 1 MINUTE,
        'a row was stamped over a minute ago by this server''s clock: its loader stood still, or one of the clocks is wrong') = 0
