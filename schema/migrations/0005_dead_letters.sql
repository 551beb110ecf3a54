-- Records that could not be folded, parked in the same transaction as the batch they stood in, so none is skipped
-- without a trace (INV-8). Key, value and headers are kept as received, so that a record can be examined and mended.
-- `detail` names the field and what is wrong with it. Values above 16 MiB (only reachable through compression) are cut
-- there; `value_bytes` is the full length, and the log still has the whole.
-- `message_headers` is a JSON array of [name, base64 of the value or null], because header names repeat and values are bytes.
CREATE TABLE IF NOT EXISTS dead_letters (
    kafka_partition INT          NOT NULL,
    kafka_offset    BIGINT       NOT NULL,
    reason          VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    detail          TEXT         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    message_key     LONGBLOB     NULL,
    message_value   LONGBLOB     NULL,
    value_bytes     BIGINT       NULL, -- NULL: the record had no value
    message_headers LONGTEXT     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (kafka_partition, kafka_offset)
) ENGINE = InnoDB
