-- Which set of tables these positions belong to, and by which version of the fold its rows were made. Both stand in
-- `positions` and nowhere else, so they change in the one atomic RENAME that swaps the tables, and cannot disagree with them.
-- All rows of a topic hold the same.
--
-- generation: number of the set of tables. The compare-and-set of every batch (INV-1) compares it, too:
--   UPDATE positions SET next_offset = :to
--    WHERE topic = :t AND kafka_partition = :p AND next_offset = :from AND generation = :g
-- Without it a projector on an idle system would not notice that its tables were swapped for others at the very same
-- position, and would go on with stock that it loaded from the tables that were replaced.
-- fold_version: rows of two versions of the rules must not mix unnoticed.
--
-- Tables from before this migration are the first generation, folded by the first version: the defaults.
ALTER TABLE positions
    ADD COLUMN IF NOT EXISTS generation   INT NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS fold_version INT NOT NULL DEFAULT 1
