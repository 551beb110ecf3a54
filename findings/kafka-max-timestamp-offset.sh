#!/usr/bin/env bash
# Kafka 4.3.1: on a topic that the broker times, the offset of the largest timestamp is that of a batch's first record, not of the last record.
#
# `kafka-get-offsets --time -3`, OffsetSpec.maxTimestamp() (KIP-734). With message.timestamp.type=LogAppendTime all records of a batch have one
# time, the largest that there is, and the first of them is answered; so what is read from there is up to a whole batch, and "the last
# record, by time" is one that others follow. On a topic timed by writers it is the very record with the largest time.
#
# Source: KIP-734; RecordBatch.offsetOfMaxTimestamp of kafka-clients.
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic broker 1 message.timestamp.type=LogAppendTime
kafka_topic writer 1 message.timestamp.type=CreateTime
cat >"$work/Write.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Write {
    public static void main(String[] arguments) {
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "linger.ms", 1000);
        long now = System.currentTimeMillis();
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int batch = 0; batch < 2; batch++) {
                for (String topic : new String[] {"broker", "writer"})
                    for (int number = 0; number < 5; number++)
                        producer.send(new ProducerRecord<>(topic, 0, now + batch * 10 + number, "key", "value"));
                producer.flush();
            }
        }
    }
}
JAVA
kafka_java "$work/Write.java" "$BROKER"
offset() { kafka_java org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BROKER" --topic "$1" --time "$2"; }
seen "timed by the broker, end" broker:0:10 "$(offset broker -1)"
seen "timed by the broker, largest timestamp" broker:0:5 "$(offset broker -3)"
seen "timed by writers, largest timestamp" writer:0:9 "$(offset writer -3)"
verdict
