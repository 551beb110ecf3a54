-- Who holds the guard of the generations, for the message of whoever is refused. The guard itself is a named lock of the
-- server (GET_LOCK), which ends with its connection, also by kill -9; this row only says what its holder is doing. A row whose
-- connection does not hold the lock was left behind and means nothing.
CREATE TABLE IF NOT EXISTS generation_guard (
    only_row      TINYINT NOT NULL,
    connection_id BIGINT  NOT NULL, -- of the holder
    command       VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- rebuild, rollback, drop
    generation    INT     NULL, -- that it works on, once it is known
    holder        VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL, -- host and process id
    since         DATETIME(6) NOT NULL, -- UTC
    PRIMARY KEY (only_row),
    CONSTRAINT generation_guard_one_row CHECK (only_row = 1)
) ENGINE = InnoDB
