-- Tokens of inserts are remembered for 100,000 inserts instead of 10,000: one that a killed server remembers without its
-- part has to be known until nothing can arrive under those that went on for it (pipeline/load/doc.go).
ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 100000;
