-- Lines that live in this partition, of orders that are at home in another: what the home asked for, and what became of it. (A line that
-- lives at its order's home needs none: its row in `orders` says it.)
--
-- Primary key: the order, its home (a race may leave two orders of one id, at home in two partitions), the line, and the partition that
-- decided, since a partition is an island: what another writer sends elsewhere must not stand in the way of this row. The insert of a
-- batch is also the look-up for repeats, as in `orders`.
--
-- status: 'reserved' (its pieces are taken), 'rejected' (for `reason`), 'released' (its pieces were given back).
-- confirmed: the home told that the order is confirmed: its pieces are sold, not held.
-- kafka_offset: of the `LineRequested` that it was decided by.
-- reservations_of_product: with `orders` and `stock_movements` it explains any number in `stock`.
CREATE TABLE IF NOT EXISTS reservations (
    order_id        BINARY(16)  NOT NULL,
    home_partition  INT         NOT NULL,
    line_no         SMALLINT    NOT NULL,
    kafka_partition INT         NOT NULL,
    kafka_offset    BIGINT      NOT NULL,
    product_id      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    quantity        BIGINT      NOT NULL,
    status          ENUM('reserved', 'rejected', 'released') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    confirmed       BOOLEAN     NOT NULL,
    PRIMARY KEY (order_id, home_partition, line_no, kafka_partition),
    KEY reservations_of_product (product_id, kafka_offset),
    CONSTRAINT reservations_line CHECK (line_no > 1 AND quantity > 0),
    CONSTRAINT reservations_elsewhere CHECK (home_partition <> kafka_partition),
    CONSTRAINT reservations_reason CHECK ((status = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT reservations_confirmed CHECK (confirmed = 0 OR status = 'reserved')
) ENGINE = InnoDB
