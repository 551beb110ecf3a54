#!/usr/bin/env bash
# Kafka Connect 4.3.1: the default header converter makes the number 1 of `ce_specversion: 1.0`, and CloudEvents' Java SDK 4.0.1 refuses what comes back.
#
# A worker's header.converter is SimpleHeaderConverter where nothing else is said. Key and value have converters of their own; a header, which is
# text to its writer, is looked at and becomes a number, a boolean, a date, an array or a map where it looks like one, and text otherwise. So one header has
# several types from record to record: an id 12 is an int8, 300 an int16, 12e3 an int16 of 12000, and 3-41-0 is text. Written back as text
# it is another one: 1.0 is 1, 1.10 is 1.1, 007 is 7, and eight hexadecimal digits with one e among them, as tracing makes them, are a number
# of more than four thousand digits. A sink that hands headers on, or an event built from them, has lost the version that the CloudEvents
# specification requires. `header.converter=org.apache.kafka.connect.storage.StringConverter` keeps text, ByteArrayConverter all.
#
# Source: javadoc of SimpleHeaderConverter (the most appropriate numeric, boolean, array or map representation); documentation of
# header.converter, for its default; CloudEvents 1.0.2, "specversion", and its Kafka binding.
#
# Needs Java and Maven; no broker. Takes ten seconds.
source "$(dirname "$0")/lib.sh"

kafka_get org.apache.kafka:connect-api:4.3.1 org.apache.kafka:connect-runtime:4.3.1 io.cloudevents:cloudevents-kafka:4.0.1
cat >"$work/Convert.java" <<'JAVA'
import io.cloudevents.kafka.CloudEventDeserializer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.runtime.WorkerConfig;
import org.apache.kafka.connect.storage.*;

public class Convert {
    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String event(HeaderConverter converter) {
        var headers = new RecordHeaders();
        Map.of("ce_specversion", "1.0", "ce_id", "3-41-0", "ce_type", "OrderConfirmed", "ce_source", "/orders").forEach((name, text) -> {
            var read = converter.toConnectHeader("outcomes", name, bytes(text));
            headers.add(name, converter.fromConnectHeader("outcomes", name, read.schema(), read.value()));
        });
        try {
            return "event " + new CloudEventDeserializer().deserialize("outcomes", headers, bytes("{}")).getId();
        } catch (RuntimeException error) {
            return error.getClass().getSimpleName() + ": " + error.getMessage();
        }
    }

    public static void main(String[] arguments) {
        System.out.println("default\t" + WorkerConfig.HEADER_CONVERTER_CLASS_DEFAULT);
        var converter = new SimpleHeaderConverter();
        converter.configure(Map.of());
        for (String text : List.of("1.0", "1.10", "007", "12", "300", "12e3", "123e4567", "2026-11-28", "true", "[1, 2]", "3-41-0", "/orders")) {
            var read = converter.toConnectHeader("outcomes", "header", bytes(text));
            byte[] written = converter.fromConnectHeader("outcomes", "header", read.schema(), read.value());
            String type = read.schema().name() == null ? read.schema().type().getName() : read.schema().name().replaceAll(".*\\.", "");
            System.out.println(text + "\t" + type + "\t" + new String(written, StandardCharsets.UTF_8));
        }
        System.out.println("SimpleHeaderConverter\t" + event(converter));
        var strings = new StringConverter();
        strings.configure(Map.of("converter.type", "header"));
        System.out.println("StringConverter\t" + event(strings));
    }
}
JAVA
kafka_java "$work/Convert.java" >"$work/found"
seen_lines "$work/found" <<'FOUND'
default	org.apache.kafka.connect.storage.SimpleHeaderConverter
1.0	int8	1
1.10	float32	1.1
007	int8	7
12	int8	12
300	int16	300
12e3	int16	12000
123e4567	Decimal	1.23E+4569
2026-11-28	Date	2026-11-28
true	boolean	true
[1, 2]	array	[1,2]
3-41-0	string	3-41-0
/orders	string	/orders
SimpleHeaderConverter	CloudEventRWException: Invalid specversion: 1
StringConverter	event 3-41-0
FOUND
verdict
