#!/usr/bin/env bash
# Kafka 4.3.1: kafka-transactions shows a growing duration for a transaction that was committed long ago.
#
# `kafka-transactions describe` has columns CurrentTransactionStartTimeMs and TransactionDurationMs, and DescribeTransactions a
# start time; both are those of the last transaction, also when its state is CompleteCommit or CompleteAbort and none is open, and the
# duration is counted up to now. So an alarm on a long transaction must ask for the state as well (Ongoing), or every idle producer
# is one.
#
# Source: KIP-664, which names the columns; TransactionsCommand of kafka-tools.
#
# Needs Java and Maven. Takes half a minute.
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
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "transactional.id", "writer");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>("topic", "key", "value"));
            producer.commitTransaction();
        }
    }
}
JAVA
kafka_java "$work/Write.java" "$BROKER"

# described: state and duration of the transactional id.
described() {
    kafka_java org.apache.kafka.tools.TransactionsCommand --bootstrap-server "$BROKER" describe --transactional-id writer |
        awk 'NR == 2 { print $5, $8 }'
}
read -r state first <<<"$(described)"
sleep 3
read -r _ later <<<"$(described)"
echo "duration in milliseconds: $first, and three seconds later $later"
seen "state" CompleteCommit "$state"
seen "the duration grows" yes "$([ "$later" -ge $((first + 3000)) ] && echo yes || echo no)"
verdict
# Seen: duration in milliseconds: 1710, and three seconds later 6391
