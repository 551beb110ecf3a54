-- What each database user may do; run by `ledger migrate` after the migrations, one statement per line.
-- Names, not objects, carry these grants, so they stay right when a rebuild swaps tables by RENAME.
-- The owner's own rights (all on this database, with GRANT OPTION) come from the administrator's login.

-- The projector writes what it derives, and nothing else.
GRANT SELECT, INSERT, UPDATE ON positions TO ledger_projector;
-- Not by column: MariaDB asks for UPDATE on every column that an INSERT .. ON DUPLICATE KEY UPDATE names (seen on 10.11.19: 1143 for its key).
GRANT SELECT, INSERT, UPDATE ON orders TO ledger_projector;
GRANT SELECT, INSERT, UPDATE ON reservations TO ledger_projector;
GRANT SELECT, INSERT, DELETE ON open_orders TO ledger_projector;
GRANT SELECT, INSERT, UPDATE ON stock TO ledger_projector;
GRANT SELECT, INSERT ON stock_movements TO ledger_projector;
GRANT SELECT, INSERT ON dead_letters TO ledger_projector;
GRANT SELECT, INSERT, DELETE ON outbox TO ledger_projector;

-- Raised with every commit; never lowered, never deleted.
GRANT SELECT, INSERT, UPDATE ON furthest_positions TO ledger_projector;

-- What operators had skipped is parked, by whoever folds it. Only the owner says what.
GRANT SELECT ON skips TO ledger_projector;

-- Its start checks that the tables are of the version that it knows.
GRANT SELECT ON _sqlx_migrations TO ledger_projector;

-- Its status shows generations and running rebuilds; positions that it creates take a number that none ever had.
GRANT SELECT ON generations TO ledger_projector;
GRANT SELECT ON generation_guard TO ledger_projector;
GRANT SELECT, UPDATE ON generation_numbers TO ledger_projector;

-- Whom it lets in, and when that key was last used.
GRANT SELECT ON api_keys TO ledger_projector;
GRANT SELECT, INSERT, UPDATE ON api_key_uses TO ledger_projector;

-- The services and dashboards read what others may read; the outbox is the projector's own.
GRANT SELECT ON positions TO ledger_reader;
GRANT SELECT ON furthest_positions TO ledger_reader;
GRANT SELECT ON orders TO ledger_reader;
GRANT SELECT ON reservations TO ledger_reader;
GRANT SELECT ON open_orders TO ledger_reader;
GRANT SELECT ON stock TO ledger_reader;
GRANT SELECT ON stock_movements TO ledger_reader;
GRANT SELECT ON dead_letters TO ledger_reader;
GRANT SELECT ON redrives TO ledger_reader;
GRANT SELECT ON skips TO ledger_reader;
GRANT SELECT ON generations TO ledger_reader;
GRANT SELECT ON generation_guard TO ledger_reader;

-- The services' one right to write: when a key was last used.
GRANT SELECT ON api_keys TO ledger_reader;
GRANT SELECT, INSERT, UPDATE ON api_key_uses TO ledger_reader;
