-- The identity of a generation, drawn at random when its positions are created. Its number is a name within this database, and
-- numbers begin at 1 again in a database that was lost and made anew: a projector that slept through that must not take the new
-- tables for those that its state was loaded from. So the compare-and-set of every batch (INV-1) compares the id, too:
--   .. WHERE topic = :t AND kafka_partition = :p AND next_offset = :from AND generation = :g AND generation_id = :i
ALTER TABLE positions
    ADD COLUMN IF NOT EXISTS generation_id BINARY(16) NOT NULL DEFAULT x'00000000000000000000000000000000'
