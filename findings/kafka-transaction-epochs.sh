#!/usr/bin/env bash
# Kafka 4.3.1: the epoch of a transactional producer counts its transactions with Java's client, and its restarts with librdkafka 2.16.
#
# Of old, an epoch above the last one means that a new instance took the transactional id over, and the one before is fenced. With KIP-890
# (transaction.version 2, the default of new clusters) the broker raises it at the end of every transaction, and when the 16 bits are used
# up the producer id changes. So an alarm on "the epoch went up: two instances fight for one id" rings for each transaction of Java's client; and
# it is the sign by which a client shows that it takes part: confluent-kafka 2.16.1 (librdkafka) keeps one epoch, so a delayed commit of
# one of its transactions is not told from the next one's.
#
# Source: KIP-890; documentation of kafka-transactions (`describe`: ProducerEpoch).
#
# Needs Java, Maven and Python. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic topic 1
pip_get confluent-kafka==2.16.1
cat >"$work/write.py" <<'PY'
import sys
import confluent_kafka

producer = confluent_kafka.Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "librdkafka"})
producer.init_transactions(30)
for _ in range(5):
    producer.begin_transaction()
    producer.produce("topic", key="key", value="value")
    producer.commit_transaction(30)
PY
kafka_transactions java 5
seen "Java, epoch after five transactions" 5 "$(kafka_transaction java ProducerEpoch)"
kafka_transactions java 5
seen "Java, after a restart and five more" 11 "$(kafka_transaction java ProducerEpoch)"
"$work/python/bin/python" "$work/write.py" "$BROKER"
seen "librdkafka, epoch after five transactions" 0 "$(kafka_transaction librdkafka ProducerEpoch)"
"$work/python/bin/python" "$work/write.py" "$BROKER"
seen "librdkafka, after a restart and five more" 1 "$(kafka_transaction librdkafka ProducerEpoch)"
verdict
