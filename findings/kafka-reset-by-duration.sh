#!/usr/bin/env bash
# Kafka 4.3.1: with auto.offset.reset=by_duration:PT1H a consumer has no position where the last hour has no record, and passes over what is written next.
#
# `by_duration` (KIP-1106, since 4.0) begins with what is younger than the duration. Where nothing is, in an empty partition or in one of older records, one expects
# the end. But the consumer asks for the first record that is younger, is told that there is none, and asks again after request.timeout.ms, 30 seconds, without a
# word: `position` runs into its time limit, nothing is committed, and the group's tools show neither an offset nor a lag. A young record that comes is given
# out at the next attempt, half a minute later.
#   - Records that come meanwhile with an older time of their own (an import, a relay that keeps times) are passed over for good. So does a share group with
#     share.auto.offset.reset=by_duration:PT1H, though it begins at once. `latest` gives them.
#   - A duration of less than those 30 seconds, PT10S or PT0S, misses what was written since the last attempt as well: a partition with a record now and then is never read.
#   - A duration beyond 1970, such as P36500D for "everything", is taken, and asks for a negative time: "the version of API is not supported", at WARN, over and
#     over, and no record.
#
# Source: documentation of auto.offset.reset and KIP-1106, which leave the case open; AutoOffsetResetStrategy and OffsetFetcherUtils of kafka-clients (an offset that was
# not found is left for the next attempt).
# What follows from it here: positions are kept in the database, and a missing one is a decision of its own (auto.offset.reset=error).
#
# Needs Java and Maven. Takes two minutes.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
cat >"$work/Reset.java" <<'JAVA'
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class Reset {
    static String broker;

    /// A record whose time is so long ago.
    static void write(String topic, Duration ago, String value) throws Exception {
        try (var producer = new KafkaProducer<>(Map.of("bootstrap.servers", broker), new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, 0, Instant.now().minus(ago).toEpochMilli(), "key", value)).get();
        }
    }

    /// What comes in a minute and a quarter: after 5 seconds a record with an old time is written, after 10 one of now.
    static List<String> read(String topic, java.util.function.Supplier<Iterable<String>> poll) throws Exception {
        List<String> values = new ArrayList<>();
        boolean old = false, young = false;
        for (long begin = System.currentTimeMillis(), passed = 0; passed < 75000; passed = System.currentTimeMillis() - begin) {
            if (!old && passed > 5000) {
                write(topic, Duration.ofHours(2), "old");
                old = true;
            }
            if (!young && passed > 10000) {
                write(topic, Duration.ZERO, "new");
                young = true;
            }
            for (String value : poll.get()) values.add(value + (passed > 20000 ? " (late)" : ""));
        }
        return values;
    }

    static List<String> values(Iterable<ConsumerRecord<String, String>> records) {
        List<String> values = new ArrayList<>();
        for (var record : records) values.add(record.value());
        return values;
    }

    static String consumer(String topic, String reset, String protocol) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker, "group.id", topic, "auto.offset.reset", reset, "group.protocol", protocol);
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(200));
            String position = "at";
            try {
                position += " " + consumer.position(new TopicPartition(topic, 0), Duration.ofSeconds(3));
            } catch (org.apache.kafka.common.errors.TimeoutException error) {
                position = "nowhere";
            }
            return position + ", given " + read(topic, () -> values(consumer.poll(Duration.ofMillis(200))));
        }
    }

    static String share(String topic, String reset) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, topic), List.of(
                new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", reset), AlterConfigOp.OpType.SET)))).all().get();
        }
        try (var consumer = new KafkaShareConsumer<>(Map.of("bootstrap.servers", broker, "group.id", topic), new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            // It gets its partitions, and they are looked at, in the first seconds.
            for (int second = 0; second < 5; second++) consumer.poll(Duration.ofSeconds(1));
            return "given " + read(topic, () -> values(consumer.poll(Duration.ofMillis(200))));
        }
    }

    public static void main(String[] arguments) throws Exception {
        broker = arguments[0];
        String[][] tries = {
            {"empty", "by_duration:PT1H", "classic"}, {"old", "by_duration:PT1H", "classic"}, {"old", "by_duration:PT1H", "consumer"},
            {"old", "by_duration:P1D", "classic"}, {"old", "by_duration:PT10S", "classic"}, {"old", "by_duration:PT0S", "consumer"},
            {"old", "by_duration:P36500D", "classic"}, {"old", "latest", "classic"}, {"old", "by_duration:PT1H", "share"}, {"old", "latest", "share"}};
        try (var admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            for (int at = 0; at < tries.length; at++) admin.createTopics(List.of(new NewTopic("topic-" + at, 1, (short) 1))).all().get();
        }
        var threads = Executors.newCachedThreadPool();
        List<Future<String>> found = new ArrayList<>();
        for (int at = 0; at < tries.length; at++) {
            String[] attempt = tries[at];
            String topic = "topic-" + at;
            if (attempt[0].equals("old")) write(topic, Duration.ofHours(10), "ten hours old");
            found.add(threads.submit(() -> String.join(", ", attempt) + ": " +
                (attempt[2].equals("share") ? share(topic, attempt[1]) : consumer(topic, attempt[1], attempt[2]))));
        }
        for (var line : found) System.out.println(line.get());
        System.exit(0);
    }
}
JAVA
kafka_java -Dlevel=warn "$work/Reset.java" "$BROKER" >"$work/out"
grep -v '^WARN' "$work/out" >"$work/found" || true
seen_lines "$work/found" <<'FOUND'
empty, by_duration:PT1H, classic: nowhere, given [new (late)]
old, by_duration:PT1H, classic: nowhere, given [new (late)]
old, by_duration:PT1H, consumer: nowhere, given [new (late)]
old, by_duration:P1D, classic: at 0, given [ten hours old, old, new]
old, by_duration:PT10S, classic: nowhere, given []
old, by_duration:PT0S, consumer: nowhere, given []
old, by_duration:P36500D, classic: nowhere, given []
old, latest, classic: at 1, given [old, new]
old, by_duration:PT1H, share: given [new]
old, latest, share: given [old, new]
FOUND
seen "what is warned of" "The version of API is not supported., retrying." \
    "$(grep '^WARN' "$work/out" | grep -o 'The version of API is not supported., retrying.' | sort -u)"
verdict
