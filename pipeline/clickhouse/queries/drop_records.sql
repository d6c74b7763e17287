-- A mutation and not a lightweight DELETE: the bytes are to be gone, not hidden until a merge.
ALTER TABLE consent_records DELETE
WHERE site = {site:String} AND row_index < {before:UInt64}
SETTINGS mutations_sync = 2
