#!/usr/bin/env bash
# Spring Kafka 4.1.2: a record whose listener throws is tried ten times in a few seconds, and then passed over and committed.
#
# A program around Java's consumer that stops at what it cannot do, and does not commit it, is given it again. A listener container of Spring that has
# a listener, a group and nothing else goes on: its DefaultErrorHandler seeks back and calls the listener again, nine more times with no
# back-off between them, and then "recovers", which is a line at ERROR, and commits. So a reader of outcomes whose database is away for a minute
# loses one outcome every few seconds, and an alarm on lag sees nothing. A DefaultErrorHandler with unlimited attempts stays before the
# record, as the second group does here; a DeadLetterPublishingRecoverer keeps it elsewhere.
#
# Source: Spring Kafka's reference, Handling Exceptions, and javadoc of DefaultErrorHandler; SeekUtils (DEFAULT_MAX_FAILURES, DEFAULT_BACK_OFF).
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get org.springframework.kafka:spring-kafka:4.1.2
kafka_start
kafka_topic topic 1
cat >"$work/Listen.java" <<'JAVA'
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.springframework.kafka.core.*;
import org.springframework.kafka.listener.*;
import org.springframework.util.backoff.FixedBackOff;

public class Listen {
    static void listen(String broker, String group, CommonErrorHandler handler, int until) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker, "auto.offset.reset", "earliest");
        List<String> values = Collections.synchronizedList(new ArrayList<>());
        var enough = new CountDownLatch(until);
        long start = System.nanoTime();
        var properties = new ContainerProperties("topic");
        properties.setGroupId(group);
        properties.setMessageListener((MessageListener<String, String>) record -> {
            values.add(record.value());
            enough.countDown();
            if (record.value().equals("bad")) throw new IllegalStateException("the database is away");
        });
        var container = new KafkaMessageListenerContainer<>(
            new DefaultKafkaConsumerFactory<>(config, new StringDeserializer(), new StringDeserializer()), properties);
        if (handler != null) container.setCommonErrorHandler(handler);
        container.start();
        boolean came = enough.await(60, TimeUnit.SECONDS);
        System.err.println(group + ": " + (System.nanoTime() - start) / 1000000 + " ms");
        container.stop();
        try (var admin = Admin.create(Map.of("bootstrap.servers", broker))) {
            var offset = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(new TopicPartition("topic", 0));
            System.out.println(group + "\t" + (came ? String.join(" ", values.subList(0, until)) : "only " + values) + "\tcommitted " + offset.offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        var factory = new DefaultKafkaProducerFactory<>(Map.of("bootstrap.servers", arguments[0]), new StringSerializer(), new StringSerializer());
        var template = new KafkaTemplate<>(factory);
        for (String value : List.of("first", "bad", "last")) template.send("topic", "key", value).get(20, TimeUnit.SECONDS);
        factory.destroy();
        listen(arguments[0], "default", null, 12);
        listen(arguments[0], "unlimited", new DefaultErrorHandler(new FixedBackOff(100, FixedBackOff.UNLIMITED_ATTEMPTS)), 16);
        System.exit(0);
    }
}
JAVA
kafka_java "$work/Listen.java" "$BROKER" 2>"$work/errors" | grep committed >"$work/found"
grep ' ms$' "$work/errors"
seen_lines "$work/found" <<'FOUND'
default	first bad bad bad bad bad bad bad bad bad bad last	committed 3
unlimited	first bad bad bad bad bad bad bad bad bad bad bad bad bad bad bad	committed 1
FOUND
verdict
