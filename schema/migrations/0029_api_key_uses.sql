-- When each API key was last used, to some minutes: written seldom, by whoever let the key in. Apart from the keys, so that services and projector,
-- which may write here, can never change what a key may do.
CREATE TABLE IF NOT EXISTS api_key_uses (
    key_id  CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    used_at DATETIME(6) NOT NULL, -- UTC
    PRIMARY KEY (key_id)
) ENGINE = InnoDB
