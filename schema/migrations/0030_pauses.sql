-- Whether an operator has paused a partition (`ledger pause`, `ledger resume`), who, when and why; and which record of it was skipped last
-- (`ledger skip`). INV-14.
--
-- In this row, because the compare-and-set of every batch of the live tables locks it (INV-1): who sets is_paused waits for the batch
-- that is being written, and no later one moves the position. And because no RENAME exchanges it: a swap keeps the pause.
--
-- paused_*, resumed_*: of the last pause and the last resume; a partition is paused where is_paused says so, and by nothing else.
-- last_skip: a batch that covers this offset and did not skip its record was folded by somebody who does not know of the skip yet: the
--   compare-and-set refuses it. Which records are skipped says the table `skips`.
-- Times are UTC.
ALTER TABLE furthest_positions
    ADD COLUMN IF NOT EXISTS is_paused     BOOLEAN      NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS paused_at     DATETIME(6)  NULL,
    ADD COLUMN IF NOT EXISTS paused_by     VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS pause_reason  VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS resumed_at    DATETIME(6)  NULL,
    ADD COLUMN IF NOT EXISTS resumed_by    VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS resume_reason VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS last_skip     BIGINT       NULL,
    ADD CONSTRAINT IF NOT EXISTS furthest_positions_paused CHECK (is_paused = 0 OR (paused_at IS NOT NULL AND paused_by IS NOT NULL))
