#!/usr/bin/env bash
# Kafka 4.3.1: in a topic that was deleted and made again a running consumer goes on at its old position; the first records are given to nobody.
#
# Topics have ids since 2.8, and fetches name them since 3.1 (KIP-516). The consumer does notice: "inconsistent topic ID", at WARN, once or twice.
# Then it keeps its position. Who had read three records of the old topic is given the new one from offset 3 on, commits that, and has no lag; not
# even a restart gives its group the three before. Only where the new topic is shorter does auto.offset.reset come in.
#
# With group.protocol=consumer (KIP-848) the coordinator assigns topics by their ids: the partition is taken away and given again. With
# enable.auto.commit, the default, the old position is committed for the new topic meanwhile, and all is as before. Without it the consumer starts
# again at the new topic's beginning, after it has given the later records out: so those come twice, and not in the order of their offsets.
#
# So stop the readers before a topic is made again, and keep the topic's id beside a position that is kept elsewhere.
#
# Source: KIP-516 and KIP-848; FetchCollector of kafka-clients, which asks for new metadata then.
#
# Needs Java and Maven. Takes two minutes.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
cat >"$work/Again.java" <<'JAVA'
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class Again {
    static void make(Admin admin, String broker, String topic, String values) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", broker), new StringSerializer(), new StringSerializer())) {
            for (String value : values.split(" ")) producer.send(new ProducerRecord<>(topic, "key", value)).get();
        }
    }

    static List<String> read(Consumer<String, String> consumer, String last, int seconds) {
        List<String> values = new ArrayList<>();
        // Until the last one came, and for as long after it; a minute at most.
        long end = System.currentTimeMillis() + (last == null ? seconds : 60) * 1000L;
        while (System.currentTimeMillis() < end)
            for (var record : consumer.poll(Duration.ofMillis(200))) {
                values.add(record.value());
                if (record.value().equals(last)) end = System.currentTimeMillis() + seconds * 1000L;
            }
        return values;
    }

    static void again(Admin admin, String broker, String protocol, boolean commits) throws Exception {
        String group = protocol + (commits ? "" : ", no auto commit"), topic = protocol + commits;
        Map<String, Object> config = Map.of("bootstrap.servers", broker, "group.id", topic, "group.protocol", protocol,
            "auto.offset.reset", "earliest", "enable.auto.commit", commits);
        make(admin, broker, topic, "old-1 old-2 old-3");
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            System.out.println(group + ": before\t" + String.join(" ", read(consumer, "old-3", 1)));
            admin.deleteTopics(List.of(topic)).all().get();
            make(admin, broker, topic, "1 2 3 4 5");
            var values = read(consumer, "5", 15);
            System.err.println(group + ", in this order: " + String.join(" ", values));
            System.out.println(group + ": after\t" + String.join(" ", new TreeSet<>(values)));
        }
        if (!commits) return;
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            System.out.println(group + ": restarted\t" + String.join(" ", read(consumer, null, 8)));
            var partition = consumer.assignment().iterator().next();
            System.out.println(group + ": committed\t" + consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            for (boolean commits : new boolean[] {true, false})
                for (String protocol : List.of("classic", "consumer")) again(admin, arguments[0], protocol, commits);
        }
    }
}
JAVA
kafka_java "$work/Again.java" "$BROKER" 2>"$work/errors" | tee "$work/all" | grep -v '^WARN' >"$work/found" || cat "$work/errors"
grep 'in this order' "$work/errors"
seen_lines "$work/found" <<'FOUND'
classic: before	old-1 old-2 old-3
classic: after	4 5
classic: restarted	
classic: committed	5
consumer: before	old-1 old-2 old-3
consumer: after	4 5
consumer: restarted	
consumer: committed	5
classic, no auto commit: before	old-1 old-2 old-3
classic, no auto commit: after	4 5
consumer, no auto commit: before	old-1 old-2 old-3
consumer, no auto commit: after	1 2 3 4 5
FOUND
seen "what the consumers say" "Received inconsistent topic ID error in fetch" "$(grep -o 'Received inconsistent topic ID error in fetch' "$work/all" | sort -u)"
verdict
# Seen: consumer, no auto commit, in this order: 4 5 1 2 3 4 5
