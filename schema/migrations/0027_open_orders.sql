-- Orders at home in a partition that are pending or held: few, and gone when they are decided, so that whoever looks for what is due
-- reads a range of the primary key and nothing else, however many orders or open holds there are.
--
-- due_at (UTC): of a held order when its hold is over (`expires_at`); of a pending one when the log took it (`listed_at`), from which its
-- age is told, and when its lines are asked for again. A function of the log, as everything here.
CREATE TABLE IF NOT EXISTS open_orders (
    kafka_partition INT         NOT NULL,
    status          ENUM('pending', 'held') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    due_at          DATETIME(6) NOT NULL,
    order_id        BINARY(16)  NOT NULL,
    PRIMARY KEY (kafka_partition, status, due_at, order_id)
) ENGINE = InnoDB
