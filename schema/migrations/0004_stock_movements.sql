-- Every receipt and adjustment, also the refused ones, so that SQL can explain any number in `stock`:
--   available = sum(delta of confirmed movements) - sum(quantity of confirmed orders)   (INV-3)
-- Keyed as `orders` is, and for the same reasons (a retried receipt must change nothing).
-- `reason` says why a movement was rejected, in the words of REST; `note` is what the person who adjusted wrote.
-- stock_movements_of_product: "what happened to this product" is what an operator asks; movements are few beside orders.
CREATE TABLE IF NOT EXISTS stock_movements (
    movement_id     BINARY(16)  NOT NULL,
    kafka_partition INT         NOT NULL,
    kafka_offset    BIGINT      NOT NULL,
    product_id      VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    kind            ENUM('receipt', 'adjustment') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    delta           BIGINT      NOT NULL,
    status          ENUM('confirmed', 'rejected') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason          VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    note            VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    occurred_at     DATETIME(6) NOT NULL, -- UTC, as the service stamped the event
    PRIMARY KEY (movement_id, kafka_partition),
    KEY stock_movements_of_product (product_id, kafka_offset),
    CONSTRAINT stock_movements_reason CHECK ((status = 'rejected') = (reason IS NOT NULL)),
    CONSTRAINT stock_movements_delta CHECK (delta <> 0 AND (kind = 'adjustment' OR delta > 0))
) ENGINE = InnoDB
