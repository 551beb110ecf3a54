-- Records that an operator had skipped (`ledger skip`): whoever folds them parks them instead, with the reason `skipped`. The log does not
-- say so, so every fold reads this table: the projector's, a rebuild's, `verify`'s. It belongs to no generation: a rebuild neither writes
-- nor swaps it, and comes to the same rows by it. A row is inserted before its record is folded for the first time, by anybody, and is
-- never changed.
--
-- Primary key: the log's own id before partition and offset, so that a topic that was made anew under the name has none of them.
CREATE TABLE IF NOT EXISTS skips (
    topic_id        VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- as in `positions`
    kafka_partition INT          NOT NULL,
    kafka_offset    BIGINT       NOT NULL,
    reason          VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    skipped_by      VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    skipped_at      DATETIME(6)  NOT NULL, -- UTC
    PRIMARY KEY (topic_id, kafka_partition, kafka_offset),
    CONSTRAINT skips_place CHECK (kafka_partition >= 0 AND kafka_offset >= 0)
) ENGINE = InnoDB
