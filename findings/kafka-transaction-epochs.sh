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
cat >"$work/Write.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Write {
    public static void main(String[] arguments) {
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "transactional.id", "java");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (int number = 0; number < 5; number++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("topic", "key", "value"));
                producer.commitTransaction();
            }
        }
    }
}
JAVA
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
epoch() {
    kafka_java org.apache.kafka.tools.TransactionsCommand --bootstrap-server "$BROKER" describe --transactional-id "$1" |
        awk -v id="$1" 'NR == 1 { for (column = 1; column <= NF; column++) if ($column == "ProducerEpoch") found = column } $0 ~ id { print $found }'
}
kafka_java "$work/Write.java" "$BROKER"
seen "Java, epoch after five transactions" 5 "$(epoch java)"
kafka_java "$work/Write.java" "$BROKER"
seen "Java, after a restart and five more" 11 "$(epoch java)"
"$work/python/bin/python" "$work/write.py" "$BROKER"
seen "librdkafka, epoch after five transactions" 0 "$(epoch librdkafka)"
"$work/python/bin/python" "$work/write.py" "$BROKER"
seen "librdkafka, after a restart and five more" 1 "$(epoch librdkafka)"
verdict
