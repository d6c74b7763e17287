SELECT max(absolute_delay) FROM system.replicas WHERE database = currentDatabase() AND table = 'withdrawn'
