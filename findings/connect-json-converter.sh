#!/usr/bin/env bash
# Kafka Connect 4.3.1: JsonConverter turns JSON that does not fit its schema into another value, without an error.
#
# With `schemas.enable=true` a record carries schema and payload, and a sink is told the value that the converter read. A required field
# that is missing is refused; a value of another kind is not: text becomes the number 0 (also text that is a number), 4294967297 becomes
# 1 in an int32, 7.9 becomes 7, true becomes 0; a number becomes null in an optional string, and 1 becomes false in a boolean. Nothing is logged, no
# error handling or dead letter queue of Connect ever sees it. A Decimal of scale 2 takes a value of scale 3.
#
# With `schemas.enable=false` an integer above the range of int64 wraps around: ten quintillions become a negative number.
#
# So rows that a JDBC sink stored from JSON need not be what the topic says: compare the two before the table is trusted.
#
# Source: connect/json, JsonConverter.java: the converters of each type call Jackson's `intValue()`, `longValue()`, `textValue()`,
# `booleanValue()` without asking whether the node is of that kind; Jackson answers 0, null or false, or narrows.
#
# Needs Java and Maven; no broker. Takes ten seconds.
source "$(dirname "$0")/lib.sh"

kafka_get org.apache.kafka:connect-json:4.3.1 org.apache.kafka:connect-api:4.3.1
cat >"$work/Convert.java" <<'JAVA'
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;

public class Convert {
    static void told(String what, boolean schemas, String json) {
        var converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", schemas), false);
        String found;
        try {
            Object value = converter.toConnectData("topic", json.getBytes(StandardCharsets.UTF_8)).value();
            found = value == null ? "null" : value.getClass().getSimpleName() + " " + value;
        } catch (RuntimeException error) {
            found = error.getClass().getSimpleName() + ": " + error.getMessage();
        }
        System.out.println(what + "\t" + found);
    }

    static void typed(String type, String payload) {
        told(type + "\t" + payload, true, "{\"schema\":{\"type\":\"" + type + "\",\"optional\":true},\"payload\":" + payload + "}");
    }

    public static void main(String[] arguments) {
        typed("int32", "\"text\"");
        typed("int32", "\"12\"");
        typed("int32", "4294967297");
        typed("int32", "7.9");
        typed("int32", "true");
        typed("int64", "1e30");
        typed("string", "7");
        typed("boolean", "1");
        typed("boolean", "\"true\"");
        told("decimal(2)\t12.505", true, "{\"schema\":{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,"
            + "\"parameters\":{\"scale\":\"2\"}},\"payload\":12.505}");
        told("struct\tno field", true, "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"quantity\"}]},"
            + "\"payload\":{}}");
        told("no schema\t10000000000000000000", false, "10000000000000000000");
    }
}
JAVA
kafka_java "$work/Convert.java" >"$work/found"
seen_lines "$work/found" <<'FOUND'
int32	"text"	Integer 0
int32	"12"	Integer 0
int32	4294967297	Integer 1
int32	7.9	Integer 7
int32	true	Integer 0
int64	1e30	Long 5076944270305263616
string	7	null
boolean	1	Boolean false
boolean	"true"	Boolean false
decimal(2)	12.505	BigDecimal 12.505
struct	no field	DataException: Invalid null value for required INT32 field
no schema	10000000000000000000	Long -8446744073709551616
FOUND
verdict
