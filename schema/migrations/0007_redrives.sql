-- Which parked records an operator has mended, by appending a corrected event to the log (`ledger dead-letters redrive`).
-- The parked record itself is never changed. These marks are no function of the log: they stand in a table of their own, which
-- a rebuild neither writes nor swaps.
--
-- A mark is claimed before the event is appended and finished when its append is acknowledged: until then `appended_*` is
-- NULL. The primary key is what refuses a second redrive of the same record; the event is kept, so that a redrive that died
-- in between is finished with the same event and no other.
CREATE TABLE IF NOT EXISTS redrives (
    kafka_partition    INT        NOT NULL, -- of the parked record
    kafka_offset       BIGINT     NOT NULL,
    event              MEDIUMBLOB NOT NULL, -- the value as appended
    appended_partition INT        NULL,
    appended_offset    BIGINT     NULL,
    PRIMARY KEY (kafka_partition, kafka_offset),
    CONSTRAINT redrives_appended CHECK ((appended_partition IS NULL) = (appended_offset IS NULL))
) ENGINE = InnoDB
