-- The last number that a generation got. Numbers are allotted by one UPDATE of this row, to a projector's first start and to
-- rebuilds alike, so two of them cannot meet:
--   UPDATE generation_numbers SET last_number = LAST_INSERT_ID(last_number + 1)
CREATE TABLE IF NOT EXISTS generation_numbers (
    only_row    TINYINT NOT NULL,
    last_number INT     NOT NULL,
    PRIMARY KEY (only_row),
    CONSTRAINT generation_numbers_one_row CHECK (only_row = 1),
    CONSTRAINT generation_numbers_number CHECK (last_number >= 0)
) ENGINE = InnoDB
