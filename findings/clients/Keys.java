// Writes the keys of `KEYS` to `keys-8` and `keys-12`, and in the reverse order once more; reads where each value's keys lie, beside Java's.
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

public class Keys {
    static final String[] TOPICS = {"keys-8", "keys-12"};

    static void write() throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", System.getenv("BROKER"));
        List<String> keys = new ArrayList<>(List.of(System.getenv("KEYS").split(" ")));
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int round = 0; round < 2; round++) {
                for (String topic : TOPICS)
                    for (String key : keys) producer.send(new ProducerRecord<>(topic, key, "java"));
                Collections.reverse(keys);
            }
        }
    }

    static void read() {
        // label -> topic -> key -> partitions
        Map<String, Map<String, Map<String, Set<Integer>>>> found = new TreeMap<>();
        Map<String, Integer> counts = new TreeMap<>();
        Map<String, Object> config = Map.of("bootstrap.servers", System.getenv("BROKER"), "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : TOPICS)
                for (PartitionInfo info : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, info.partition()));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition)))
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    found.computeIfAbsent(record.value(), label -> new TreeMap<>()).computeIfAbsent(record.topic(), topic -> new TreeMap<>())
                        .computeIfAbsent(record.key(), key -> new TreeSet<>()).add(record.partition());
                    counts.merge(record.value(), 1, Integer::sum);
                }
        }
        var reference = found.get("java");
        for (String label : found.keySet()) {
            StringBuilder line = new StringBuilder(label);
            for (String topic : TOPICS) {
                var keys = found.get(label).get(topic);
                long agree = keys.keySet().stream().filter(key -> keys.get(key).equals(reference.get(topic).get(key))).count();
                long split = keys.values().stream().filter(partitions -> partitions.size() > 1).count();
                line.append('\t').append(agree).append('\t').append(split);
            }
            boolean chocolate = found.get(label).get("keys-8").get("chocolate").equals(reference.get("keys-8").get("chocolate"));
            System.out.println(line.append('\t').append(counts.get(label)).append('\t').append(chocolate));
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("write")) write();
        else read();
    }
}
