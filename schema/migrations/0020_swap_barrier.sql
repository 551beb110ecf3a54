-- The barrier of a swap: set by the holder of the guard before it fences the relays, taken back after the RENAME. A relay that
-- has opened its producer looks here, and publishes nothing while it is set and its holder lives (the connection still holds
-- the named lock). So between the fence and the RENAME no cursor moves, and nothing that was loaded before the RENAME is
-- published after it. A row whose connection does not hold the lock was left behind, and its barrier means nothing.
ALTER TABLE generation_guard ADD COLUMN IF NOT EXISTS swapping BOOLEAN NOT NULL DEFAULT FALSE
