#!/usr/bin/env bash
# OpenTelemetry around Python's Kafka clients (0.66b1): a record that is sent on with its headers has two `traceparent`s, and its readers do not agree which one counts.
#
# A relay reads a record and writes it to another topic, with the headers that it had, as CloudEvents ask for. The instrumentations of kafka-python, confluent-kafka and
# aiokafka add the relay's own context to the list and leave the old `traceparent` where it is. Those of Java (opentelemetry-kafka-clients-2.6 2.18.1),
# franz-go (kotel 1.7.1) and kafkajs (0.32.0) replace it. W3C Trace Context has one `traceparent` in a message.
#
# Of two, the readers of Python and franz-go take the first, the older one: the relay is missing from what they show. Java takes the last. kafkajs hands both
# out as a list, which as text is no context: a new trace. So one record is part of three traces, by its reader.
# Whoever sends headers on takes `traceparent` and `tracestate` out of them before.
#
# Sources: the setter in utils.py of each Python package (`carrier.append`), and its getter; carrier.go of kotel; propagator.js of instrumentation-kafkajs. The same
# was met and mended in Spring for Apache Kafka (issue 3786, pull request 3789).
# What follows from it here: a service takes no `traceparent` from a request that has two.
#
# Needs Java, Maven, Python, Node and Go. Takes a minute.
source "$(dirname "$0")/lib.sh"

# Each client writes a record whose headers have a traceparent already, inside of a span, to the topic `written-NAME`, and reads one with two of them from `two`. It prints
# which of the two the span of its reading belongs to, by its trace or by a link.
first=11111111111111111111111111111111
last=22222222222222222222222222222222
parent=00-$first-1111111111111111-01
second=00-$last-2222222222222222-01

cat >"$work/otel.py" <<'PY'
import asyncio, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

name, broker, first, last, parent = sys.argv[1:]
spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("relay")
headers = [("traceparent", parent.encode())]
topic = "written-" + name

async def with_aiokafka():
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    with tracer.start_as_current_span("relay"):
        await producer.send_and_wait(topic, b"value", headers=headers)
    await producer.stop()
    consumer = AIOKafkaConsumer("two", bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    await consumer.getone()
    await consumer.stop()

if name == "kafka-python":
    from opentelemetry.instrumentation.kafka import KafkaInstrumentor
    KafkaInstrumentor().instrument()
    from kafka import KafkaConsumer, KafkaProducer
    producer = KafkaProducer(bootstrap_servers=broker)
    with tracer.start_as_current_span("relay"):
        producer.send(topic, b"value", headers=headers).get(30)
    producer.close()
    consumer = KafkaConsumer("two", bootstrap_servers=broker, auto_offset_reset="earliest")
    next(consumer)
    consumer.close()
elif name == "confluent-kafka":
    from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
    from confluent_kafka import Consumer, Producer
    instrumentor = ConfluentKafkaInstrumentor()
    producer = instrumentor.instrument_producer(Producer({"bootstrap.servers": broker}))
    with tracer.start_as_current_span("relay"):
        producer.produce(topic, b"value", headers=headers)
        producer.flush()
    consumer = instrumentor.instrument_consumer(Consumer({"bootstrap.servers": broker, "group.id": name, "auto.offset.reset": "earliest"}))
    consumer.subscribe(["two"])
    while not consumer.poll(1):
        pass
    consumer.close()
else:
    from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor
    AIOKafkaInstrumentor().instrument()
    asyncio.run(with_aiokafka())

found = set()
for span in spans.get_finished_spans():
    if span.kind == trace.SpanKind.CONSUMER:
        found |= {format(context.trace_id, "032x") for context in [span.context, *(link.context for link in span.links)]}
print(name, "the first" if first in found else "the last" if last in found else "a new trace", sep="\t")
PY
cat >"$work/written.py" <<'PY'
import sys
from confluent_kafka import Consumer, Producer, TopicPartition

broker, what, *arguments = sys.argv[1:]
if what == "two":
    producer = Producer({"bootstrap.servers": broker})
    producer.produce("two", b"value", headers=[("traceparent", value.encode()) for value in arguments])
    producer.flush()
else:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "written"})
    for name in arguments:
        consumer.assign([TopicPartition("written-" + name, 0, 0)])
        parents = [value for key, value in consumer.poll(30).headers() if key == "traceparent"]
        print(name, *("the old" if value.decode() == what else "a new" for value in parents), sep="\t")
PY
mkdir -p "$work/node" "$work/go" "$work/java"
cat >"$work/node/otel.cjs" <<'JS'
const [broker, first, last, parent] = process.argv.slice(2)
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')
const { InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs')
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { SpanKind } = require('@opentelemetry/api')
const spans = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
provider.register()
registerInstrumentations({ instrumentations: [new KafkaJsInstrumentation()], tracerProvider: provider })
const { Kafka, logLevel } = require('kafkajs')
async function main() {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'written-kafkajs', messages: [{ value: 'value', headers: { traceparent: parent } }] })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: 'kafkajs' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'two', fromBeginning: true })
  await new Promise(resolve => consumer.run({ eachMessage: async () => { setTimeout(resolve, 500) } }))
  await consumer.disconnect()
  const read = spans.getFinishedSpans().filter(span => span.kind === SpanKind.CONSUMER)
  const found = read.flatMap(span => [span.spanContext(), ...span.links.map(link => link.context)]).map(context => context.traceId)
  console.log(['kafkajs', found.includes(first) ? 'the first' : found.includes(last) ? 'the last' : found.length > 0 ? 'a new trace' : 'none'].join('\t'))
}
main().then(() => process.exit(), error => { console.error(error); process.exit(1) })
JS
cat >"$work/go/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func main() {
	broker, first, last, parent := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	tracer := kotel.NewTracer(kotel.TracerProvider(provider), kotel.TracerPropagator(propagation.TraceContext{}))
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics("two"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.WithHooks(kotel.NewKotel(kotel.WithTracer(tracer)).Hooks()...))
	if err != nil {
		panic(err)
	}
	record := &kgo.Record{Topic: "written-franz-go", Value: []byte("value"), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(parent)}}}
	if err := client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
		panic(err)
	}
	client.PollFetches(context.Background()).EachRecord(func(record *kgo.Record) {
		_, span := tracer.WithProcessSpan(record)
		span.End()
	})
	client.Close()
	found := "a new trace"
	for _, span := range spans.GetSpans() {
		if span.SpanKind.String() == "consumer" {
			switch span.SpanContext.TraceID().String() {
			case first:
				found = "the first"
			case last:
				found = "the last"
			}
		}
	}
	fmt.Println("franz-go\t" + found)
}
GO
cat >"$work/Otel.java" <<'JAVA'
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.instrumentation.kafkaclients.v2_6.KafkaTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class Otel {
    public static void main(String[] arguments) throws Exception {
        var spans = InMemorySpanExporter.create();
        var provider = SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build();
        OpenTelemetry telemetry = OpenTelemetrySdk.builder().setTracerProvider(provider)
            .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance())).build();
        var kafka = KafkaTelemetry.create(telemetry);
        Map<String, Object> config = Map.of("bootstrap.servers", arguments[0], "group.id", "java", "auto.offset.reset", "earliest");
        try (var producer = kafka.wrap(new KafkaProducer<>(Map.of("bootstrap.servers", arguments[0]), new StringSerializer(), new StringSerializer()))) {
            var record = new ProducerRecord<String, String>("written-java", "value");
            record.headers().add("traceparent", arguments[3].getBytes());
            producer.send(record).get();
        }
        try (var consumer = kafka.wrap(new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer()))) {
            consumer.subscribe(List.of("two"));
            for (boolean none = true; none; ) for (var record : consumer.poll(Duration.ofSeconds(1))) none = false;
        }
        Set<String> found = new HashSet<>();
        for (var span : spans.getFinishedSpanItems()) {
            if (span.getKind() != SpanKind.CONSUMER) continue;
            found.add(span.getTraceId());
            span.getLinks().forEach(link -> found.add(link.getSpanContext().getTraceId()));
        }
        System.out.println("java\t" + (found.contains(arguments[1]) ? "the first" : found.contains(arguments[2]) ? "the last" : "a new trace"));
    }
}
JAVA
kafka_get io.opentelemetry.instrumentation:opentelemetry-kafka-clients-2.6:2.18.1-alpha io.opentelemetry:opentelemetry-sdk:1.52.0 \
    io.opentelemetry:opentelemetry-sdk-testing:1.52.0
pip_get opentelemetry-sdk==1.45.1 opentelemetry-instrumentation-kafka-python==0.66b1 opentelemetry-instrumentation-confluent-kafka==0.66b1 \
    opentelemetry-instrumentation-aiokafka==0.66b1 kafka-python==3.0.12 confluent-kafka==2.16.1 aiokafka==0.14.0
npm_get "$work/node" kafkajs@2.2.4 @opentelemetry/api@1.9.1 @opentelemetry/instrumentation-kafkajs@0.32.0 @opentelemetry/instrumentation@0.223.0 \
    @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/sdk-trace-node@2.12.1
go_get "$work/go" github.com/twmb/franz-go@v1.22.3 github.com/twmb/franz-go/plugin/kotel@v1.7.1 go.opentelemetry.io/otel/sdk/trace/tracetest@v1.47.0
kafka_start
names=(kafka-python confluent-kafka aiokafka kafkajs franz-go java)
kafka_topic two 1
for name in "${names[@]}"; do kafka_topic "written-$name" 1; done
"$work/python/bin/python" "$work/written.py" "$BROKER" two "$parent" "$second"

echo "of a record with two, the reader takes"
{
    for name in kafka-python confluent-kafka aiokafka; do "$work/python/bin/python" "$work/otel.py" $name "$BROKER" $first $last "$parent"; done
    node "$work/node/otel.cjs" "$BROKER" $first $last "$parent"
    "$work/go/program" "$BROKER" $first $last "$parent"
    kafka_java "$work/Otel.java" "$BROKER" $first $last "$parent"
} 2>"$work/errors" >"$work/found" || { tail -n 40 "$work/errors" >&2; exit 1; }
seen_lines "$work/found" <<'FOUND'
kafka-python	the first
confluent-kafka	the first
aiokafka	the first
kafkajs	a new trace
franz-go	the first
java	the last
FOUND
echo "a record that had one, and was written inside of a span, has"
"$work/python/bin/python" "$work/written.py" "$BROKER" "$parent" "${names[@]}" >"$work/found"
seen_lines "$work/found" <<'FOUND'
kafka-python	the old	a new
confluent-kafka	the old	a new
aiokafka	the old	a new
kafkajs	a new
franz-go	a new
java	a new
FOUND
verdict
