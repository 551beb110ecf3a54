// Writes `plain` and `lz4` in four transactions, two of them aborted; reads `plain` by Java and by share groups; tells the lags of all groups.
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class Outcomes {
    static final Map<String, Object> BROKER = Map.of("bootstrap.servers", System.getenv("BROKER"));

    static void transaction(KafkaProducer<String, String> producer, String topic, boolean commit, String... values) {
        producer.beginTransaction();
        for (String value : values) producer.send(new ProducerRecord<>(topic, "key", value));
        producer.flush();
        if (commit) producer.commitTransaction();
        else producer.abortTransaction();
    }

    static void write() {
        for (String topic : List.of("plain", "lz4")) {
            Map<String, Object> config = new HashMap<>(BROKER);
            config.put("transactional.id", topic);
            config.put("compression.type", topic.equals("lz4") ? "lz4" : "none");
            try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
                producer.initTransactions();
                transaction(producer, topic, true, "one", "two");
                transaction(producer, topic, false, "no", "no");
                transaction(producer, topic, false, "no");
                transaction(producer, topic, true, "three", "four");
            }
        }
    }

    static void read(String group, String isolation) {
        Map<String, Object> config = new HashMap<>(BROKER);
        config.put("group.id", group);
        config.put("auto.offset.reset", "earliest");
        if (isolation != null) config.put("isolation.level", isolation);
        List<String> values = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("plain"));
            // On a busy machine a group that is new takes some seconds to get its first record.
            for (int empty = 0; empty < (values.isEmpty() ? 30 : 3); )
                for (var record : polled(consumer.poll(Duration.ofSeconds(1)))) {
                    if (record == null) empty++;
                    else values.add(record.value());
                }
        }
        System.out.println(group + "\t" + String.join(" ", values));
    }

    /** What was polled; where there is nothing, one null. */
    static List<ConsumerRecord<String, String>> polled(ConsumerRecords<String, String> records) {
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        records.forEach(all::add);
        if (all.isEmpty()) all.add(null);
        return all;
    }

    static void share(String group, String isolation) throws Exception {
        try (var admin = Admin.create(BROKER)) {
            var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            List<AlterConfigOp> settings = new ArrayList<>();
            settings.add(new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET));
            if (isolation != null)
                settings.add(new AlterConfigOp(new ConfigEntry("share.isolation.level", isolation), AlterConfigOp.OpType.SET));
            admin.incrementalAlterConfigs(Map.of(resource, settings)).all().get();
        }
        Map<String, Object> config = new HashMap<>(BROKER);
        config.put("group.id", group);
        List<String> values = new ArrayList<>();
        try (var consumer = new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("plain"));
            // A group that is new takes some seconds to get its first record.
            for (int empty = 0; empty < (values.isEmpty() ? 30 : 3); )
                for (var record : polled(consumer.poll(Duration.ofSeconds(1)))) {
                    if (record == null) empty++;
                    else values.add(record.value());
                }
        }
        System.out.println(group + "\t" + String.join(" ", values));
    }

    static void lags() throws Exception {
        try (var admin = Admin.create(BROKER)) {
            for (var group : admin.listGroups(ListGroupsOptions.forConsumerGroups()).all().get()) {
                var offsets = admin.listConsumerGroupOffsets(group.groupId()).partitionsToOffsetAndMetadata().get();
                for (var entry : offsets.entrySet()) {
                    var ends = admin.listOffsets(Map.of(entry.getKey(), OffsetSpec.latest())).all().get();
                    if (entry.getValue() != null)
                        System.out.println(group.groupId() + "\t" + entry.getKey().topic() + "\t"
                            + (ends.get(entry.getKey()).offset() - entry.getValue().offset()));
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "write" -> write();
            case "lags" -> lags();
            default -> {
                read("java", null);
                read("java committed", "read_committed");
                share("share group", null);
                share("share group committed", "read_committed");
            }
        }
        System.exit(0);
    }
}
