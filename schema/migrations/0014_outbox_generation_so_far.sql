-- Rows from before `outbox.generation`: the tables that are live now decided them, as far as anybody can know.
UPDATE outbox JOIN positions ON positions.kafka_partition = outbox.kafka_partition
   SET outbox.generation = positions.generation
 WHERE outbox.generation = 0
