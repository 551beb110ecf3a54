-- What has to be published, written in the transaction that decided it: ONE row per batch and partition. (A row per
-- outcome costs as much as the order itself.) Keyed by position, not by a sequence: sequence numbers become visible out
-- of order, positions do not, since the compare-and-set serialises each partition.
--
-- `entries` holds the outcomes of records [first_offset, next_offset) with topic, key, value and headers each, as an LZ4
-- frame (with a checksum of the content) around postcard; `entry_count` is checked against it when it is read.
-- Batches cut otherwise after a rebuild may overlap: whoever publishes filters by each entry's own position.
CREATE TABLE IF NOT EXISTS outbox (
    kafka_partition INT      NOT NULL,
    first_offset    BIGINT   NOT NULL,
    next_offset     BIGINT   NOT NULL,
    entry_count     INT      NOT NULL,
    entries         LONGBLOB NOT NULL,
    PRIMARY KEY (kafka_partition, first_offset, next_offset),
    CONSTRAINT outbox_interval CHECK (first_offset < next_offset AND entry_count > 0)
) ENGINE = InnoDB
