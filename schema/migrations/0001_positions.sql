-- Where the projection stands, one row per partition of the log: the compare-and-set of every batch (INV-1) is
--   UPDATE positions SET next_offset = :to WHERE topic = :t AND kafka_partition = :p AND next_offset = :from
-- `next_offset` is exclusive: the offset of the first record that is not folded yet.
--
-- The identity of the log stands beside each position (INV-9): a recreated topic has the same name and valid offsets,
-- but another topic id, and its records must never be folded onto this state. It is repeated per row because a
-- partition is an island: rows of one partition can move to another server without the others.
--
-- One statement per migration: MariaDB's DDL commits by itself and is atomic per statement, so a migration that dies is
-- either done or not begun, and IF NOT EXISTS lets it be run again.
CREATE TABLE IF NOT EXISTS positions (
    topic           VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- Kafka's own limit
    kafka_partition INT    NOT NULL,
    next_offset     BIGINT NOT NULL,
    cluster_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    topic_id        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- base64, as Kafka's tools print it
    partition_count INT    NOT NULL, -- frozen: another count would move keys between partitions
    PRIMARY KEY (topic, kafka_partition),
    CONSTRAINT positions_partition CHECK (kafka_partition >= 0 AND kafka_partition < partition_count),
    CONSTRAINT positions_offset CHECK (next_offset >= 0)
) ENGINE = InnoDB
