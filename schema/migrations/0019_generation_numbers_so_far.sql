-- Above every number that was given before. (Names of tables that no row tells of are looked at when a number is allotted.)
INSERT INTO generation_numbers (only_row, last_number)
SELECT 1, COALESCE(MAX(generation), 0)
  FROM (SELECT generation FROM generations UNION ALL SELECT generation FROM positions) given
ON DUPLICATE KEY UPDATE last_number = GREATEST(generation_numbers.last_number, VALUES(last_number))
