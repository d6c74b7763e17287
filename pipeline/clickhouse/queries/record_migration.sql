INSERT INTO schema_migrations SELECT {version:UInt32}, {name:String}, now64(3)
