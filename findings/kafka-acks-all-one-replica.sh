#!/usr/bin/env bash
# Kafka 4.3.1: a topic with min.insync.replicas=2 and one replica takes acks=all, and acknowledges what one broker has.
#
# The documentation of min.insync.replicas: the minimum number of in-sync replicas that must acknowledge a write with acks=all, else
# NotEnoughReplicas is raised. The broker counts with the smaller of the setting and the number of replicas that the partition has, so
# on a topic that was made with replication factor 1 (the default of kafka-topics and of automatic creation) the setting promises nothing.
# Creating such a topic is not refused, and describing it shows the 2. So who relies on it has to check the replication factor as well.
#
# Source: kafka.cluster.Partition, `effectiveMinIsr`; the configuration's documentation of `min.insync.replicas`.
#
# Needs Java and Maven. Takes twenty seconds.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic two 1 min.insync.replicas=2
seen "the topic" "ReplicationFactor: 1 Configs: min.insync.replicas=2" \
    "$(kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKER" --describe --topic two | grep -o 'ReplicationFactor.*' | tr '\t' ' ')"
cat >"$work/Write.java" <<'JAVA'
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Write {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "acks", "all", "delivery.timeout.ms", 10000, "request.timeout.ms", 5000);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            System.out.println("acknowledged as " + producer.send(new ProducerRecord<>("two", "key", "value")).get());
        } catch (ExecutionException refused) {
            System.out.println(refused.getCause().getClass().getSimpleName());
        }
    }
}
JAVA
seen "a record with acks=all" "acknowledged as two-0@0" "$(kafka_java "$work/Write.java" "$BROKER")"
verdict
