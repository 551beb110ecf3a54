-- Every order that was decided, confirmed or rejected. A function of the log alone (INV-4): no clock, no sequence.
--
-- Primary key: the order id first, since reads are by order id; then the partition, because uniqueness is decided per
-- partition only (INV-5: what another partition has reached is a race); then the line, for orders of several lines.
-- The insert of a batch is also the look-up for duplicates: it fails with 1062 when an id was there before.
--
-- BINARY(16), not the UUID type: sqlx writes UUID columns but does not read them.
-- user_id, product_id: utf8mb4_nopad_bin compares bytes, as Kafka's keys do, and does not ignore trailing spaces.
--
-- One secondary index, for GET /users/{userId}/orders (newest first); each more costs a third of the fold's speed.
-- InnoDB appends the primary key to it, which makes its order total, so a cursor can continue exactly.
CREATE TABLE IF NOT EXISTS orders (
    order_id        BINARY(16)  NOT NULL,
    kafka_partition INT         NOT NULL,
    line_no         SMALLINT    NOT NULL,
    kafka_offset    BIGINT      NOT NULL,
    user_id         VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    product_id      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    quantity        BIGINT      NOT NULL,
    unit_price      BIGINT      NOT NULL, -- minor units of the currency
    total_price     BIGINT      NOT NULL,
    status          ENUM('confirmed', 'rejected', 'cancelled') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL, -- why it was rejected
    placed_at       DATETIME(6) NOT NULL, -- UTC, as the service stamped the event
    PRIMARY KEY (order_id, kafka_partition, line_no),
    KEY orders_of_user (user_id, placed_at),
    CONSTRAINT orders_amounts CHECK (quantity > 0 AND unit_price > 0 AND total_price = quantity * unit_price),
    CONSTRAINT orders_reason CHECK ((status = 'rejected') = (reason IS NOT NULL))
) ENGINE = InnoDB
