-- What is known about each generation of tables: where it came from, how far it was built, what became of it. Written by the
-- owner only (`ledger rebuild`, `rollback`, `generations drop`). Which generation is live is NOT here: the live `positions`
-- say that, since they are swapped with the tables. A first generation, made by a projector, may have no row.
--
-- The tables of generation N that is not live are `orders_gN`, `stock_gN`, `stock_movements_gN`, `dead_letters_gN` and
-- `positions_gN`. Rows stay when the tables are dropped, so that no number is ever given twice: a projector that slept
-- since then must not take new tables for the ones it knew.
--
-- phase: how far a build came; each phase may be run again. state: 'building' until the swap, then 'kept' (live or not),
-- 'dropped' before its tables are dropped.
-- ends: JSON array, per partition the offset (exclusive) that the build folded to when it was swapped in.
-- The counts are of the rows at that moment. Times are UTC. builder: host and process id of whoever built it.
CREATE TABLE IF NOT EXISTS generations (
    generation        INT    NOT NULL,
    topic             VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    cluster_id        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    topic_id          VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    partition_count   INT    NOT NULL,
    fold_version      INT    NOT NULL,
    phase             ENUM('load', 'index', 'catch-up', 'compare', 'swap', 'done')
                      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state             ENUM('building', 'kept', 'dropped') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ends              TEXT   CHARACTER SET ascii COLLATE ascii_bin NULL,
    record_count      BIGINT NULL, -- of the log, folded into it
    order_count       BIGINT NULL,
    movement_count    BIGINT NULL,
    dead_letter_count BIGINT NULL,
    started_at        DATETIME(6) NULL, -- NULL: made by a projector, nobody wrote down when
    finished_at       DATETIME(6) NULL, -- the build was complete
    swapped_at        DATETIME(6) NULL, -- it became live, the last time
    builder           VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    PRIMARY KEY (generation),
    CONSTRAINT generations_number CHECK (generation > 0),
    CONSTRAINT generations_building CHECK (state <> 'building' OR started_at IS NOT NULL)
) ENGINE = InnoDB
