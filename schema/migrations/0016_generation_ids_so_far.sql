-- Positions from before `generation_id` get one. A projector that runs meanwhile finds its next compare-and-set missing,
-- and reads its positions anew.
UPDATE positions SET generation_id = UNHEX(REPLACE(UUID(), '-', ''))
 WHERE generation_id = x'00000000000000000000000000000000'
