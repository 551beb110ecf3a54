-- What can be sold, one row per product that ever had a receipt.
-- A product lives in the one partition that its id hashes to, so its id alone is the key.
-- stock_of_partition: a projector loads the products of a partition when it takes that partition over. The indexed
-- column never changes, so updates of `available` do not touch the index.
CREATE TABLE IF NOT EXISTS stock (
    product_id      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    available       BIGINT NOT NULL,
    kafka_partition INT    NOT NULL,
    kafka_offset    BIGINT NOT NULL, -- of the record that changed it last
    PRIMARY KEY (product_id),
    KEY stock_of_partition (kafka_partition),
    CONSTRAINT stock_never_negative CHECK (available >= 0) -- INV-2
) ENGINE = InnoDB
