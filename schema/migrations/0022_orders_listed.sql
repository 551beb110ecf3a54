-- Where an order stands in its user's list: the time at which the log took it, by the broker's clock (the record's own time), so
-- that services whose clocks differ do not shuffle it. What was brought in later, an order whose own time is more than a day
-- before, is history and stands at its own time. A function of the log alone (INV-4): the fold computes it.
--
-- Rows of before stand at the time that the service stamped, as they did, until `ledger rebuild` makes them anew (the fold version
-- went up with this column); hence the default, which no statement of ours relies on.
--
-- The index of the list in the order in which it is shown: time, and within the same one partition and offset, so that a
-- partition's orders keep the order of the log. It takes the place of (user_id, placed_at): there is still one secondary index.
-- InnoDB appends the order id, the one column of the primary key that is not in it, so that a cursor continues exactly.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS listed_at DATETIME(6) NOT NULL DEFAULT (placed_at), -- UTC
    DROP KEY IF EXISTS orders_of_user,
    ADD KEY IF NOT EXISTS orders_listed (user_id, listed_at, kafka_partition, kafka_offset, line_no)
