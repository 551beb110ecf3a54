#!/usr/bin/env bash
# Kafka 4.3.1, share groups: a record that its consumer gives back five times is never delivered again, and the group's lag is 0.
#
# RELEASE is the acknowledgement for "not now": the record becomes available to others. The broker counts each delivery, and after the fifth (the default
# of group.share.delivery.count.limit) the record is archived, as if it had been processed: no dead letter topic, no line at WARN that it was
# given up (there is one at the last attempt), and no lag. So a database that is down for five short attempts loses what arrived meanwhile. A
# consumer group stays before such a record for ever. RENEW, a longer wait before giving back, or a topic of one's own for what failed, is
# what a consumer has to do itself; the limit can be raised to 10 (group.share.max.delivery.count.limit).
#
# Source: KIP-932; documentation of group.share.delivery.count.limit; javadoc of AcknowledgeType.
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic topic 1
cat >"$work/Share.java" <<'JAVA'
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class Share {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> broker = Map.of("bootstrap.servers", arguments[0]);
        try (var producer = new KafkaProducer<>(broker, new StringSerializer(), new StringSerializer())) {
            for (String value : List.of("bad", "good")) producer.send(new ProducerRecord<>("topic", "key", value));
        }
        try (var admin = Admin.create(broker)) {
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, "share"), List.of(
                new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all().get();
        }
        Map<String, Object> config = new HashMap<>(broker);
        config.put("group.id", "share");
        config.put("share.acknowledgement.mode", "explicit");
        List<String> deliveries = new ArrayList<>();
        long end = System.currentTimeMillis() + 60000, quiet = 0;
        try (var consumer = new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("topic"));
            while (System.currentTimeMillis() < end && quiet < 5) {
                var records = consumer.poll(Duration.ofSeconds(1));
                if (!deliveries.isEmpty()) quiet = records.isEmpty() ? quiet + 1 : 0;
                for (var record : records) {
                    deliveries.add(record.value() + " " + record.deliveryCount().get());
                    // It cannot be done now: it is given back.
                    consumer.acknowledge(record, record.value().equals("bad") ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                }
                consumer.commitSync();
            }
        }
        System.out.println(String.join(", ", deliveries));
        try (var admin = Admin.create(broker)) {
            var offsets = admin.listShareGroupOffsets(Map.of("share", new ListShareGroupOffsetsSpec())).all().get().get("share");
            offsets.values().forEach(offset -> System.out.println("lag " + offset.lag().get()));
        }
    }
}
JAVA
kafka_java "$work/Share.java" "$BROKER" >"$work/found"
seen_lines "$work/found" <<'FOUND'
bad 1, good 1, bad 2, bad 3, bad 4, bad 5
lag 0
FOUND
seen "warnings of the broker" "WARN The offset 0 is on last delivery attempt" \
    "$(grep '^WARN' "$work/kafka/server.log" | grep -io 'WARN.*deliver[a-z]* attempt\|WARN.*archiv.*' | sort -u)"
verdict
