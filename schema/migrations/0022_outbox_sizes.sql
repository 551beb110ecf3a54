-- How large a row's entries are, beside them: the relay asks for sizes first, so that it loads no more than one transaction takes, and
-- without this column it would read all the blobs that it asks about (they lie outside the row). Written by the server itself, so
-- it cannot differ from what stands there.
ALTER TABLE outbox
    ADD COLUMN IF NOT EXISTS entries_bytes BIGINT AS (LENGTH(entries)) STORED AFTER entry_count
