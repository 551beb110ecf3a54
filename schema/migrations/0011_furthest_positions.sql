-- How far any generation of the tables was ever folded and committed, per partition: the next offset (exclusive) that a reader
-- may already have observed. The tables may stand before it for a while: after a rollback, after a rebuild was swapped in.
--
-- The compare-and-set of every batch (INV-1) raises it in the statement, hence in the transaction, that moves the position, and
-- nothing ever lowers it. It is no table of a generation: a RENAME that swaps tables leaves it where it is.
-- Readers compare `positions` with it in the statement that reads: whoever finds a partition before its furthest position
-- waits, or answers that it cannot tell yet; an older state than one that was observed is never shown.
--
-- A partition without a row: nothing is known to have been observed.
-- The types are those of `positions`.
CREATE TABLE IF NOT EXISTS furthest_positions (
    topic           VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kafka_partition INT    NOT NULL,
    next_offset     BIGINT NOT NULL,
    PRIMARY KEY (topic, kafka_partition),
    CONSTRAINT furthest_positions_partition CHECK (kafka_partition >= 0),
    CONSTRAINT furthest_positions_offset CHECK (next_offset >= 0)
) ENGINE = InnoDB
