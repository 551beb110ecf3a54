-- A ledger from before `furthest_positions`: what its tables hold may have been observed. How far replaced generations stood
-- is not known any more, but they were replaced before this, and whoever read them has read the present tables since.
--
-- A partition whose row is there already keeps it unless the position stands after it, so this may be run again.
INSERT INTO furthest_positions (topic, kafka_partition, next_offset)
SELECT topic, kafka_partition, next_offset FROM positions
ON DUPLICATE KEY UPDATE next_offset = GREATEST(furthest_positions.next_offset, VALUES(next_offset))
