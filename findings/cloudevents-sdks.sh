#!/usr/bin/env bash
# CloudEvents SDKs for Python (cloudevents 2.2.0) and Node (cloudevents 10.0.0): a Kafka record without `ce_time` gets the time of reading.
#
# `time` is optional in the specification. Both SDKs fill it in where they make an event from attributes, and use the same constructor
# where they parse a record: read twice, one event has two times, and neither is one at which anything happened. Java's SDK
# (io.cloudevents 4.0.1) leaves it empty. So an event that does not carry its time is given a wrong one by its readers; send `ce_time`.
#
# Besides:
#   - A record without `ce_id`, which is required, is an event with a new random UUID as its id for Python (both of its interfaces): a
#     consumer that deduplicates by id then takes it twice. Node and Java say that it is no CloudEvent.
#   - A structured event (all attributes in the JSON) without `time` cannot be parsed by Node at all: "RangeError: Invalid time value".
#   - Node keeps milliseconds of a `ce_time` with microseconds; Python keeps them.
#   - Node takes headers as strings only. Clients hand out Buffers: "contentType.startsWith is not a function".
#
# Sources: core/v1/event.py and v1/http/event.py of the Python package (`CloudEvent.__init__`); dist/event/cloudevent.js and
# dist/message/kafka/index.js of the Node one (`parseBinary`, `parseStructured`); the specification 1.0.2, "time" and "id".
#
# Needs Python, Node, Java and Maven; no broker. Takes half a minute.
source "$(dirname "$0")/lib.sh"

cat >"$work/read.py" <<'PY'
import json
import time
from datetime import datetime, timedelta, timezone
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.v1.kafka import KafkaMessage as KafkaMessageV1, from_binary

def headers(**others):
    every = {"ce_specversion": "1.0", "ce_id": "3-41-0", "ce_type": "OrderConfirmed", "ce_source": "/orders", "content-type": "application/json", **others}
    return {name: value.encode() for name, value in every.items() if value is not None}

def now(text):
    found = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return "the time of reading" if abs(found - datetime.now(timezone.utc)) < timedelta(minutes=1) else str(found)

def of_core(message_headers):
    return from_kafka_event(KafkaMessage(headers=message_headers, key=b"o-1", value=b'{"quantity":1}'))

def of_v1(message_headers):
    return from_binary(KafkaMessageV1(headers=message_headers, key=b"o-1", value=b'{"quantity":1}'))

for name, parse, attribute in (("python", of_core, lambda event, what: getattr(event, "get_" + what)()), ("python v1", of_v1, lambda event, what: event[what])):
    first, _, second = parse(headers()), time.sleep(0.01), parse(headers())
    print(name, "no ce_time", now(attribute(first, "time")), sep="\t")
    print(name, "read twice", "one time" if attribute(first, "time") == attribute(second, "time") else "two times", sep="\t")
    ids = {attribute(parse(headers(ce_id=None)), "id") for _ in range(3)}
    print(name, "no ce_id, read three times", f"{len(ids)} ids of {len(ids.pop())} characters", sep="\t")
    print(name, "microseconds", attribute(parse(headers(ce_time="2026-11-01T10:00:00.123456Z")), "time"), sep="\t")
structured = json.dumps({"specversion": "1.0", "id": "3-41-0", "type": "OrderConfirmed", "source": "/orders", "data": {}}).encode()
event = from_kafka_event(KafkaMessage(headers={"content-type": b"application/cloudevents+json"}, key=None, value=structured))
print("python", "structured, no time", now(event.get_time()), sep="\t")
PY
pip_get cloudevents==2.2.0
"$work/python/bin/python" "$work/read.py" >"$work/found"

npm_get "$work/node" cloudevents@10.0.0
cat >"$work/node/read.cjs" <<'JS'
const { Kafka } = require('cloudevents')
const attributes = { ce_specversion: '1.0', ce_id: '3-41-0', ce_type: 'OrderConfirmed', ce_source: '/orders', 'content-type': 'application/json' }
const told = (what, found) => console.log(['node', what, found].join('\t'))
const parse = headers => Kafka.toEvent({ headers, key: 'o-1', value: '{"quantity":1}', body: '{"quantity":1}' })
const attempt = action => { try { return action() } catch (error) { return `${error.name}: ${error.message}` } }
async function main() {
  const first = parse(attributes)
  await new Promise(resolve => setTimeout(resolve, 10))
  const second = parse(attributes)
  told('no ce_time', Math.abs(Date.parse(first.time) - Date.now()) < 60000 ? 'the time of reading' : first.time)
  told('read twice', first.time === second.time ? 'one time' : 'two times')
  const { ce_id, ...others } = attributes
  told('no ce_id', attempt(() => parse(others).id))
  told('microseconds', parse({ ...attributes, ce_time: '2026-11-01T10:00:00.123456Z' }).time)
  const structured = JSON.stringify({ specversion: '1.0', id: '3-41-0', type: 'OrderConfirmed', source: '/orders', data: {} })
  told('structured, no time', attempt(() => Kafka.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, value: structured }).time))
  const buffers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, Buffer.from(value)]))
  told('headers as Buffers', attempt(() => parse(buffers).id))
}
main()
JS
node "$work/node/read.cjs" >>"$work/found"

kafka_get io.cloudevents:cloudevents-kafka:4.0.1
cat >"$work/Read.java" <<'JAVA'
import io.cloudevents.kafka.CloudEventDeserializer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.header.internals.RecordHeaders;

public class Read {
    static Object attempt(Map<String, String> attributes, String attribute) {
        var headers = new RecordHeaders();
        attributes.forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
        try {
            return new CloudEventDeserializer().deserialize("outcomes", headers, "{}".getBytes(StandardCharsets.UTF_8)).getAttribute(attribute);
        } catch (RuntimeException error) {
            return error.getClass().getSimpleName();
        }
    }

    public static void main(String[] arguments) {
        var attributes = new TreeMap<>(Map.of("ce_specversion", "1.0", "ce_id", "3-41-0", "ce_type", "OrderConfirmed", "ce_source", "/orders"));
        System.out.println("java\tno ce_time\t" + attempt(attributes, "time"));
        attributes.remove("ce_id");
        System.out.println("java\tno ce_id\t" + attempt(attributes, "id"));
    }
}
JAVA
kafka_java "$work/Read.java" >>"$work/found"

seen_lines "$work/found" <<'FOUND'
python	no ce_time	the time of reading
python	read twice	two times
python	no ce_id, read three times	3 ids of 36 characters
python	microseconds	2026-11-01 10:00:00.123456+00:00
python v1	no ce_time	the time of reading
python v1	read twice	two times
python v1	no ce_id, read three times	3 ids of 36 characters
python v1	microseconds	2026-11-01T10:00:00.123456Z
python	structured, no time	the time of reading
node	no ce_time	the time of reading
node	read twice	two times
node	no ce_id	TypeError: No CloudEvent detected
node	microseconds	2026-11-01T10:00:00.123Z
node	structured, no time	RangeError: Invalid time value
node	headers as Buffers	TypeError: contentType.startsWith is not a function
java	no ce_time	null
java	no ce_id	IllegalStateException
FOUND
verdict
