-- Two processes that start together may each record a version, hence max and not the number of rows.
SELECT max(version) FROM schema_migrations
