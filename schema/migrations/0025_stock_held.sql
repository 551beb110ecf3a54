-- What is taken, and not for good: pieces of lines whose order is held, or not decided yet. So for every product, at any moment
--   sum(delta of confirmed movements) = available + held + pieces of confirmed lines   (INV-3)
-- Both numbers are of the product's own partition: that an order at home elsewhere is confirmed, the home tells it through the log.
ALTER TABLE stock
    ADD COLUMN IF NOT EXISTS held BIGINT NOT NULL DEFAULT 0 AFTER available,
    ADD CONSTRAINT IF NOT EXISTS stock_held_never_negative CHECK (held >= 0) -- INV-2
