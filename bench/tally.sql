-- What is stored, in one row: how many events, how many different ones, and the sums of both halves of their ids, read
-- little-endian; then what was set aside.
SELECT
    count(),
    uniqExact(id),
    sumWithOverflow(reinterpretAsUInt64(substring(UUIDToNum(id), 1, 8))),
    sumWithOverflow(reinterpretAsUInt64(substring(UUIDToNum(id), 9, 8))),
    (SELECT count() FROM dead_letters)
FROM events
