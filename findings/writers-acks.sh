#!/usr/bin/env bash
# What eight Kafka clients wait for by default before they call a record sent: the `acks` of their Produce requests, read on the wire.
#
# Between each client and the broker stands a small relay that reads the requests and passes them on. The clients are set up as their
# examples do, with an address and a topic.
#
# Found:
#   all in-sync replicas (-1): Java 4.3.1, librdkafka (confluent-kafka 2.16.1), kafka-python 3.0.12, kafkajs 2.2.4, franz-go 1.22.3.
#   the leader alone (1): aiokafka 0.14.0, sarama 1.61.1, @platformatic/kafka 2.12.1. What the leader had alone when it died is gone, and
#     was reported as written. `min.insync.replicas` of the topic has no effect on such a request.
#   nobody (0): segmentio/kafka-go 0.4.51 with a `Writer` literal. Its `WriteMessages` answers without an error before the broker has
#     looked at the record: one above the topic's `max.message.bytes` is reported as written, and the topic stays empty. The deprecated NewWriter of the same module asks for all.
#   So a record's durability is its writer's choice, not the topic's: say acks=all (RequireAll, WaitForAll, ProduceAcks.ALL) in every one.
#
# Sources: the protocol's Produce request (`acks`); writer.go of kafka-go ("Defaults to RequireNone", and NewWriter); config.go of sarama
# (WaitForLocal); aiokafka/producer/producer.py (`acks`); dist/apis/producer/produce-v11.js of @platformatic/kafka (`acks = 1`).
#
# Needs Java, Maven, Python, Node and Go. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
proxy=$(free_port)
kafka_start "advertised.listeners=PLAINTEXT://127.0.0.1:$proxy"
start "$work/proxy.log" python3 "$clients/relay.py" "$proxy" "${BROKER#*:}" "$work/acks"
kafka_topic topic 1
kafka_topic small 1 max.message.bytes=1000
export BROKER=127.0.0.1:$proxy

cat >"$work/Write.java" <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Write {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", System.getenv("BROKER"), "client.id", "java");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>("topic", "key", "value")).get();
        }
    }
}
JAVA
kafka_java "$work/Write.java"

pip_get kafka-python==3.0.12 aiokafka==0.14.0 confluent-kafka==2.16.1
cat >"$work/write.py" <<'PY'
import asyncio, os
import aiokafka, confluent_kafka, kafka

broker = os.environ["BROKER"]
producer = kafka.KafkaProducer(bootstrap_servers=broker, client_id="kafka-python")
producer.send("topic", b"value").get(20)
producer.close()

async def with_aiokafka():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker, client_id="aiokafka")
    await producer.start()
    await producer.send_and_wait("topic", b"value")
    await producer.stop()
asyncio.run(with_aiokafka())

producer = confluent_kafka.Producer({"bootstrap.servers": broker, "client.id": "confluent-kafka"})
producer.produce("topic", b"value")
assert producer.flush(20) == 0
PY
timeout 120 "$work/python/bin/python" "$work/write.py"

npm_get "$work/node" kafkajs@2.2.4 @platformatic/kafka@2.12.1
npm_get "$work/node22" node@22.12.0 # @platformatic/kafka asks for Node 22
cat >"$work/node/write.mjs" <<'JS'
import kafkajs from 'kafkajs'
import { Producer, stringSerializers } from '@platformatic/kafka'

const broker = process.env.BROKER
const first = new kafkajs.Kafka({ brokers: [broker], clientId: 'kafkajs', logLevel: kafkajs.logLevel.ERROR })
  .producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
await first.connect()
await first.send({ topic: 'topic', messages: [{ value: 'value' }] })
await first.disconnect()
const second = new Producer({ clientId: 'platformatic', bootstrapBrokers: [broker], serializers: stringSerializers })
await second.send({ messages: [{ topic: 'topic', key: 'key', value: 'value' }] })
await second.close()
process.exit(0)
JS
timeout 120 "$work/node22/node_modules/node/bin/node" "$work/node/write.mjs"

mkdir "$work/go"
cat >"$work/go/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/IBM/sarama"
	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	broker := os.Getenv("BROKER")

	config := sarama.NewConfig()
	config.ClientID = "sarama"
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{broker}, config)
	must(err)
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: "topic", Value: sarama.StringEncoder("value")})
	must(err)
	must(producer.Close())

	writer := &segmentio.Writer{Addr: segmentio.TCP(broker), Topic: "topic", Transport: &segmentio.Transport{ClientID: "kafka-go"}}
	must(writer.WriteMessages(context.Background(), segmentio.Message{Value: []byte("value")}))
	must(writer.Close())

	// One that the topic does not take.
	large := &segmentio.Writer{Addr: segmentio.TCP(broker), Topic: "small", Transport: &segmentio.Transport{ClientID: "kafka-go"}}
	err = large.WriteMessages(context.Background(), segmentio.Message{Value: make([]byte, 5000)})
	fmt.Println("kafka-go, a record above max.message.bytes\t", err)
	must(large.Close())

	// The older way to make a writer, which is deprecated and often shown.
	older := segmentio.NewWriter(segmentio.WriterConfig{Brokers: []string{broker}, Topic: "topic",
		Dialer: &segmentio.Dialer{ClientID: "kafka-go NewWriter"}})
	must(older.WriteMessages(context.Background(), segmentio.Message{Value: []byte("value")}))
	must(older.Close())

	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ClientID("franz-go"))
	must(err)
	must(client.ProduceSync(context.Background(), &kgo.Record{Topic: "topic", Value: []byte("value")}).FirstErr())
	client.Close()
}
GO
go_get "$work/go" github.com/IBM/sarama@v1.61.1 github.com/segmentio/kafka-go@v0.4.51 github.com/twmb/franz-go/pkg/kgo@v1.22.3
timeout 120 "$work/go/program" >"$work/found"
kafka_java org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BROKER" --topic small >>"$work/found"

sort -u "$work/acks" >>"$work/found"
seen_lines "$work/found" <<'FOUND'
kafka-go, a record above max.message.bytes	 <nil>
small:0:0
aiokafka	1
confluent-kafka	-1
franz-go	-1
java	-1
kafka-go	0
kafka-go NewWriter	-1
kafka-python	-1
kafkajs	-1
platformatic	1
sarama	1
FOUND
verdict
