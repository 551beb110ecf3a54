#!/usr/bin/env bash
# What nine Kafka clients, and a share group, give from a topic that is written in transactions: aborted records or not, with lz4 or not, and which lag is shown.
#
# One producer (Java, KIP-890 as Kafka 4.3.1 has it) commits `one two`, aborts `no no`, aborts `no`, commits `three four`: eleven offsets, four
# of which are markers. Each client reads all in a consumer group, as it is and with its setting for committed records, and commits
# its offsets as it does by itself; then the group's lag is asked for, as kafka-consumer-groups shows it.
#
# Found:
#   committed records only, by default: confluent-kafka 2.16.1 (librdkafka), kafkajs 2.2.4. When set: Java, kafka-python 3.0.12,
#     aiokafka 0.14.0, sarama 1.61.1, franz-go 1.22.3.
#   not even when set: segmentio/kafka-go 0.4.51 asks the broker for committed records and then hands out the aborted ones that come
#     along, and every marker as a message with a key and a value of some bytes. Share groups (Java's KafkaShareConsumer): what they
#     see is a setting of the GROUP on the broker, `share.isolation.level`; the consumer has none.
#   @platformatic/kafka 2.12.1 asks for committed records by default, and hands out the first of two aborted transactions of one producer that
#     arrive in one fetch.
#   lz4 out of the box: not with kafka-python (wants the package lz4), aiokafka (cramjam), kafkajs (a codec, such as kafkajs-lz4).
#   lag when all is read: who commits the last record's offset + 1 stands 1 behind a trailing marker for ever: kafkajs, sarama,
#     franz-go. The others commit the position that the fetch came to.
#
# Sources: config/ConsumerConfig of Kafka and GroupConfig.SHARE_ISOLATION_LEVEL_CONFIG; CONFIGURATION.md of librdkafka
# (`isolation.level`); consumer.js of @platformatic/kafka (`#filterUncommittedMessages`); reader.go of kafka-go.
#
# Needs Java, Maven, Python, Node with its headers and a C++ compiler, and Go.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
export BROKER
kafka_topic plain 1
kafka_topic lz4 1

kafka_java "$clients/Outcomes.java" write
kafka_java "$clients/Outcomes.java" read >"$work/found"

echo "Python clients"
pip_get kafka-python==3.0.12 aiokafka==0.14.0 confluent-kafka==2.16.1
cat >"$work/read.py" <<'PY'
import asyncio, os, sys
import aiokafka, confluent_kafka, kafka

broker = os.environ["BROKER"]

def told(label, values):
    print(label, " ".join(value.decode() for value in values), sep="\t", flush=True)

def with_kafka_python(label, topic, **settings):
    consumer = kafka.KafkaConsumer(topic, bootstrap_servers=broker, group_id=label, auto_offset_reset="earliest", **settings)
    values = []
    try:
        for _ in range(6):
            for records in consumer.poll(timeout_ms=1000).values():
                values += [record.value for record in records]
        consumer.close()
    except Exception as error:
        values = [f"{type(error).__name__}: {error}".encode()]
    told(label, values)

async def with_aiokafka(label, topic, **settings):
    consumer = aiokafka.AIOKafkaConsumer(topic, bootstrap_servers=broker, group_id=label, auto_offset_reset="earliest", **settings)
    values = []
    await consumer.start()
    try:
        for _ in range(4):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                values += [record.value for record in records]
    except Exception as error:
        values = [f"{type(error).__name__}: {error}".encode()]
    await consumer.stop()
    told(label, values)

def with_confluent(label, topic, **settings):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker, "group.id": label, "auto.offset.reset": "earliest", **settings})
    consumer.subscribe([topic])
    values = []
    for _ in range(6):
        values += [message.value() for message in consumer.consume(100, 1.0)]
    consumer.close()
    told(label, values)

if sys.argv[1] == "lz4":
    # Once more, with the packages that they ask for.
    with_kafka_python("kafka-python lz4 with package", "lz4", isolation_level="read_committed")
    asyncio.run(with_aiokafka("aiokafka lz4 with package", "lz4", isolation_level="read_committed"))
    sys.exit()
with_kafka_python("kafka-python", "plain")
with_kafka_python("kafka-python committed", "plain", isolation_level="read_committed")
with_kafka_python("kafka-python lz4", "lz4", isolation_level="read_committed")
asyncio.run(with_aiokafka("aiokafka", "plain"))
asyncio.run(with_aiokafka("aiokafka committed", "plain", isolation_level="read_committed"))
asyncio.run(with_aiokafka("aiokafka lz4", "lz4", isolation_level="read_committed"))
with_confluent("confluent-kafka", "plain")
with_confluent("confluent-kafka lz4", "lz4")
PY
timeout 120 "$work/python/bin/python" "$work/read.py" plain >>"$work/found"
pip_get lz4==4.4.5 cramjam==2.11.0
timeout 120 "$work/python/bin/python" "$work/read.py" lz4 >>"$work/found"

echo "Node clients"
npm_get "$work/node" kafkajs@2.2.4 kafkajs-lz4@1.2.1 lz4@0.6.5 @platformatic/kafka@2.12.1
npm_get "$work/node22" node@22.12.0 # @platformatic/kafka asks for Node 22
cat >"$work/node/read.mjs" <<'JS'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'

const broker = process.env.BROKER
const told = (label, values) => console.log(label + '\t' + values.join(' '))

async function withKafkajs(label, topic, settings) {
  const client = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 1 } })
  const consumer = client.consumer({ groupId: label, ...settings })
  let values = []
  consumer.on(consumer.events.CRASH, ({ payload }) => { values = [`${payload.error.name}: ${payload.error.message}`] })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { values.push(message.value.toString()) } })
  await sleep(5000)
  await consumer.disconnect()
  told(label, values)
}

async function withPlatformatic(label, topic, settings) {
  const { Consumer } = await import('@platformatic/kafka')
  const consumer = new Consumer({ clientId: 'reader', groupId: label.replaceAll(' ', '_'), bootstrapBrokers: [broker] })
  const stream = await consumer.consume({ autocommit: true, topics: [topic], mode: 'earliest', ...settings })
  const values = []
  stream.on('data', message => { values.push(message.value.toString()) })
  await sleep(5000)
  await consumer.close(true)
  told(label, values)
}

if (process.argv[2] === 'platformatic') {
  await withPlatformatic('platformatic', 'plain', {})
  await withPlatformatic('platformatic committed', 'plain', { isolationLevel: 1 })
  await withPlatformatic('platformatic lz4', 'lz4', {})
} else {
  await withKafkajs('kafkajs', 'plain', {})
  await withKafkajs('kafkajs uncommitted', 'plain', { readUncommitted: true })
  await withKafkajs('kafkajs lz4', 'lz4', {})
  const { default: Lz4 } = await import('kafkajs-lz4')
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.LZ4] = new Lz4().codec
  await withKafkajs('kafkajs lz4 with codec', 'lz4', {})
}
process.exit(0)
JS
timeout 120 node "$work/node/read.mjs" others >>"$work/found"
timeout 120 "$work/node22/node_modules/node/bin/node" "$work/node/read.mjs" platformatic >>"$work/found"

echo "Go clients"
mkdir "$work/go"
cat >"$work/go/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

var broker = os.Getenv("BROKER")

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func told(label string, values []string) {
	fmt.Printf("%s\t%s\n", label, strings.Join(values, " "))
}

// marked writes control batches, whose bytes are not text, as `marker`.
func marked(value []byte) string {
	if strings.Contains(strconv.QuoteToASCII(string(value)), `\x`) {
		return "marker"
	}
	return string(value)
}

type handler struct{ values []string }

func (*handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message := <-claim.Messages():
			if message == nil {
				return nil
			}
			h.values = append(h.values, marked(message.Value))
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func withSarama(label, topic string, isolation *sarama.IsolationLevel) {
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if isolation != nil {
		config.Consumer.IsolationLevel = *isolation
	}
	group, err := sarama.NewConsumerGroup([]string{broker}, label, config)
	must(err)
	limited, done := context.WithTimeout(context.Background(), 6*time.Second)
	defer done()
	reader := &handler{}
	must(group.Consume(limited, []string{topic}, reader))
	must(group.Close())
	told(label, reader.values)
}

func withFranz(label, topic string, options ...kgo.Opt) {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(broker), kgo.ConsumerGroup(label), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	must(err)
	limited, done := context.WithTimeout(context.Background(), 6*time.Second)
	defer done()
	var values []string
	for limited.Err() == nil {
		client.PollFetches(limited).EachRecord(func(record *kgo.Record) { values = append(values, marked(record.Value)) })
	}
	must(client.CommitUncommittedOffsets(context.Background()))
	client.Close()
	told(label, values)
}

func withSegmentio(label, topic string, isolation segmentio.IsolationLevel) {
	reader := segmentio.NewReader(segmentio.ReaderConfig{Brokers: []string{broker}, GroupID: label, Topic: topic,
		IsolationLevel: isolation, StartOffset: segmentio.FirstOffset, MaxWait: 500 * time.Millisecond})
	limited, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	var values []string
	for {
		message, err := reader.ReadMessage(limited)
		if err != nil {
			break
		}
		values = append(values, marked(message.Value))
	}
	must(reader.Close())
	told(label, values)
}

func main() {
	committed := sarama.ReadCommitted
	withSarama("sarama", "plain", nil)
	withSarama("sarama committed", "plain", &committed)
	withSarama("sarama lz4", "lz4", &committed)
	withFranz("franz-go", "plain")
	withFranz("franz-go committed", "plain", kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	withFranz("franz-go lz4", "lz4", kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	withSegmentio("kafka-go", "plain", segmentio.ReadUncommitted)
	withSegmentio("kafka-go committed", "plain", segmentio.ReadCommitted)
	withSegmentio("kafka-go lz4", "lz4", segmentio.ReadCommitted)
}
GO
go_get "$work/go" github.com/IBM/sarama@v1.61.1 github.com/segmentio/kafka-go@v0.4.51 github.com/twmb/franz-go/pkg/kgo@v1.22.3
timeout 120 "$work/go/program" >>"$work/found"

kafka_java "$clients/Outcomes.java" lags >"$work/lags"

# values CLIENT and lag CLIENT: what it handed out, and its group's lag afterwards.
values() { awk -F'\t' -v client="$1" '$1 == client { print $2 }' "$work/found"; }
lag() { awk -F'\t' -v client="$1" '$1 == client { print $3 }' "$work/lags"; }
committed="one two three four"
all="one two no no no three four"
for client in "java committed" "share group committed" "kafka-python committed" "aiokafka committed" confluent-kafka kafkajs \
    "sarama committed" "franz-go committed"; do
    seen "$client" "$committed" "$(values "$client")"
done
for client in java "share group" kafka-python aiokafka "kafkajs uncommitted" sarama franz-go; do seen "$client" "$all" "$(values "$client")"; done
for client in platformatic "platformatic committed"; do seen "$client" "one two no no three four" "$(values "$client")"; done
for client in kafka-go "kafka-go committed"; do
    seen "$client" "one two marker no no marker no marker three four marker" "$(values "$client")"
done
for client in "confluent-kafka lz4" "kafka-python lz4 with package" "aiokafka lz4 with package" "kafkajs lz4 with codec" "sarama lz4" \
    "franz-go lz4"; do
    seen "$client" "$committed" "$(values "$client")"
done
for client in kafka-python aiokafka; do
    seen "$client lz4" "UnsupportedCodecError: UnsupportedCodecError: Libraries for lz4 compression codec not found" "$(values "$client lz4")"
done
seen "kafkajs lz4" "KafkaJSNotImplemented: LZ4 compression not implemented" "$(values "kafkajs lz4")"
seen "platformatic lz4" "one two no no three four" "$(values "platformatic lz4")"
for client in "java committed" "kafka-python committed" "aiokafka committed" confluent-kafka platformatic_committed "kafka-go committed"; do
    seen "lag of $client" 0 "$(lag "$client")"
done
for client in kafkajs "sarama committed" "franz-go committed"; do seen "lag of $client" 1 "$(lag "$client")"; done
verdict
# Seen: what is expected above, line by line.
