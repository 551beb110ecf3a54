-- A row of the outbox belongs to a generation of tables: the one whose state its outcomes were decided from. The relay publishes
-- rows of the live generation only (it joins `positions`, which says which that is), so what replaced tables decided, and
-- nobody had published yet, is never published once other tables are live (INV-6).
-- Rows of a generation that is kept stay while they lie after the relay's cursor: a rollback makes them the live one's again.
--
-- One statement, so that it is done or not, and may be run again.
ALTER TABLE outbox
    ADD COLUMN IF NOT EXISTS generation INT NOT NULL DEFAULT 0 AFTER kafka_partition,
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (kafka_partition, generation, first_offset, next_offset)
