-- From here on whoever writes the outbox gives its rows their generation. A projector from before this version, which does not,
-- stops at its next batch instead of writing rows that no relay would ever publish.
ALTER TABLE outbox ALTER COLUMN generation DROP DEFAULT
