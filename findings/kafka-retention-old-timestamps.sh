#!/usr/bin/env bash
# Kafka 4.3.1: old records that are written today are gone at the next check, though they are in the active segment.
#
# Time-based retention asks for the largest timestamp of a segment, and by default (CreateTime) that is the writer's. Who imports the orders of last
# month with their own times into a topic with the default retention of seven days gets them acknowledged with acks=all, and the broker deletes
# them at its next check (log.retention.check.interval.ms, five minutes). Many descriptions say that the segment which is written to is never
# deleted, or not before it is rolled (segment.ms, seven days as well); but it is rolled for this when all that it holds is too old. A consumer that
# comes later finds an empty topic, and no lag. One new record in the segment keeps all the old ones, so a try with old and new orders proves
# nothing. retention.ms=-1 keeps them, or message.timestamp.type=LogAppendTime, which replaces the times.
#
# Source: documentation of retention.ms, whose last sentence says that it rolls a segment; UnifiedLog of Kafka's storage module
# (`deleteRetentionMsBreachedSegments`).
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
# Checks every second, for the five minutes are long. Nothing else is changed.
kafka_start log.retention.check.interval.ms=1000 log.initial.task.delay.ms=500
for topic in old old-and-new; do kafka_topic $topic 1; done
kafka_topic timed-by-broker 1 message.timestamp.type=LogAppendTime
kafka_topic kept 1 retention.ms=-1
cat >"$work/Import.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Import {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "acks", "all");
        long day = 24 * 3600 * 1000L, now = System.currentTimeMillis();
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            // The new one is the first, so that the others never stand alone.
            producer.send(new ProducerRecord<>("old-and-new", 0, now, "key", "new")).get();
            for (String topic : new String[] {"old-and-new", "timed-by-broker", "kept", "old"})
                for (int number = 0; number < 5; number++)
                    producer.send(new ProducerRecord<>(topic, 0, now - 8 * day, "key", "old")).get();
        }
    }
}
JAVA
kafka_java "$work/Import.java" "$BROKER"
offset() { kafka_java org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BROKER" --topic "$1" --time "$2"; }
deleted() { [ "$(offset old -2)" = old:0:5 ]; }
wait_until "$work/kafka/server.log" "the deletion" deleted
seen "old, end" old:0:5 "$(offset old -1)"
seen "old, first that is left" old:0:5 "$(offset old -2)"
for topic in old-and-new timed-by-broker kept; do seen "$topic, first that is left" $topic:0:0 "$(offset $topic -2)"; done
seen "why, says the broker" "partition=old-0: due to log retention time 604800000ms breach based on the largest record timestamp in the segment" \
    "$(sed -nE 's/^INFO .*(partition=[a-z0-9-]+),.* Deleting segment .*(due to .*) \(.*/\1: \2/p' "$work/kafka/server.log" | sort -u)"
verdict
