-- Orders of several lines, holds and cancellation: a row per line in the partition where the order is at home, each with the order's
-- status and with its own. An order of one line has one row, as before.
--
-- status: the order's. 'pending': some lines are not decided; 'held': every line is reserved until somebody confirms.
-- line_status: 'pending' (asked for in its product's partition, no answer yet), 'reserved' (its pieces are taken), 'rejected' (its
--   partition refused it), 'released' (its pieces were given back, or never will be taken).
-- reason: why the order ended. Of a refused line its own reason; 'line-rejected' of the other lines of such an order; 'cancelled' or
--   'expired' of every line of an order that was given up.
-- currency: of ISO 4217, where the order has one; all lines alike.
-- expires_at: when its hold is over (UTC), where it asked for one: placed_at and the seconds that it asked for.
-- kafka_offset stays that of the record that placed the order.
--
-- New words of the ENUM stand at its end, so that no row is written anew. Rows of before follow from their status.
ALTER TABLE orders
    MODIFY COLUMN status ENUM('confirmed', 'rejected', 'cancelled', 'pending', 'held')
        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ADD COLUMN IF NOT EXISTS line_status ENUM('pending', 'reserved', 'rejected', 'released')
        CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT (IF(status = 'confirmed', 'reserved', 'rejected')),
    ADD COLUMN IF NOT EXISTS currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN IF NOT EXISTS expires_at DATETIME(6) NULL,
    DROP CONSTRAINT IF EXISTS orders_reason,
    ADD CONSTRAINT IF NOT EXISTS orders_ended CHECK ((status IN ('rejected', 'cancelled')) = (reason IS NOT NULL)),
    ADD CONSTRAINT IF NOT EXISTS orders_line_status CHECK (line_status <> 'pending' OR status = 'pending'),
    ADD CONSTRAINT IF NOT EXISTS orders_held CHECK (status <> 'held' OR expires_at IS NOT NULL)
