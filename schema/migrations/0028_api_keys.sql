-- API keys (`ledger keys`): whom the services and the projector let in, and as what. No function of the log: like `redrives` they stand in a
-- table of their own, which a rebuild neither writes nor swaps, a rollback does not turn back, and `verify` does not read.
--
-- Primary key: the public half of a key, by which a request finds its row.
-- secret_hash: SHA-256 of the secret half, 32 random bytes that nobody can guess; so it needs no salt and no slow hash (schema/auth/src/api_key.rs).
-- user_id: whom a customer's key orders and reads as; nobody else has one.
-- Times are UTC. A row is never deleted, so that an id means one key for ever; revoked_at is set once.
CREATE TABLE IF NOT EXISTS api_keys (
    key_id      CHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_hash BINARY(32)  NOT NULL,
    role        ENUM('customer', 'operator', 'reader') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    created_at  DATETIME(6) NOT NULL,
    expires_at  DATETIME(6) NULL,
    revoked_at  DATETIME(6) NULL,
    PRIMARY KEY (key_id),
    CONSTRAINT api_keys_user CHECK ((role = 'customer') = (user_id IS NOT NULL))
) ENGINE = InnoDB
