SELECT any(engine) FROM system.tables WHERE database = currentDatabase() AND name = 'events'
