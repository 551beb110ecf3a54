#!/usr/bin/env bash
# Where do 16 keys land? What eleven Kafka clients do with a key by default, against Java's producer, on 8 and on 12 partitions.
#
# A key decides a partition only together with the client that wrote it: the broker has no part in it. Java's producer hashes with
# murmur2 and drops the sign bit. Who hashes otherwise spreads one key over two partitions, and nothing says so. Each client below
# writes the 16 keys, and once more in the reverse order; a Java consumer counts for how many keys both records lie where Java's lie.
#
# Found, client by client (`agree` is 16 of 16, on 8 and on 12 partitions):
#   kafka-python 3.0.12, aiokafka 0.14.0, kafkajs 2.2.4, franz-go 1.22.3: agree by default.
#   kafkajs with LegacyPartitioner (the default of kafkajs 1): 3 of 16.
#   librdkafka's clients hash with CRC32 (`consistent_random`): 1 of 16; `partitioner=murmur2_random` agrees. That is
#     confluent-kafka 2.16.1 (Python), confluent-kafka-go 2.11.1, node-rdkafka 3.6.1. node-rdkafka takes the property in its SECOND
#     argument, the topic's configuration: in the first it is accepted, has no effect, and nothing is said.
#   @platformatic/kafka 2.12.1: murmur2, but keeps the sign bit as a number above 2^31. On 8 partitions that is the same, on 12 it
#     is not, for 12 of 16 keys: a topic that is made with another partition count shows it first. `compatibilityPartitioner` agrees.
#   sarama 1.61.1: FNV-1a, 2 of 16; NewMurmur2Partitioner agrees. The key `chocolate` lands right on 8 partitions under FNV, by chance:
#     one key proves nothing.
#   segmentio/kafka-go 0.4.51: round robin, the key is not looked at: one key lies on two partitions. Murmur2Balancer agrees.
#
# Sources: BuiltInPartitioner.partitionForKey of Kafka; CONFIGURATION.md of librdkafka (`partitioner`); dist/clients/producer/partitioners.js
# of @platformatic/kafka (`>>> 0` against `& 0x7fffffff`); partitioner.go and murmur2.go of sarama; writer.go (`roundRobin`) of kafka-go.
#
# Needs Java, Maven, Python, Node with its headers, Go and a C++ compiler (node-rdkafka is built: about two minutes).
source "$(dirname "$0")/lib.sh"

export KEYS="chocolate honey tea coffee rice salt sugar flour oil milk bread butter apple pear lemon walnut"

kafka_get
kafka_start
export BROKER
kafka_topic keys-8 8
kafka_topic keys-12 12

kafka_java "$clients/Keys.java" write

echo "Python clients"
pip_get kafka-python==3.0.12 aiokafka==0.14.0 confluent-kafka==2.16.1
cat >"$work/write.py" <<'PY'
import asyncio, os
import aiokafka, confluent_kafka, kafka

broker, keys = os.environ["BROKER"], os.environ["KEYS"].split()
records = [(topic, key.encode()) for rounds in (keys, keys[::-1]) for topic in ("keys-8", "keys-12") for key in rounds]

producer = kafka.KafkaProducer(bootstrap_servers=broker)
for topic, key in records:
    producer.send(topic, key=key, value=b"kafka-python")
producer.flush()
producer.close()

async def with_aiokafka():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    for topic, key in records:
        await producer.send_and_wait(topic, key=key, value=b"aiokafka")
    await producer.stop()
asyncio.run(with_aiokafka())

for label, settings in (("confluent-kafka", {}), ("confluent-kafka murmur2_random", {"partitioner": "murmur2_random"})):
    producer = confluent_kafka.Producer({"bootstrap.servers": broker, **settings})
    for topic, key in records:
        producer.produce(topic, key=key, value=label)
    assert producer.flush(20) == 0
PY
timeout 120 "$work/python/bin/python" "$work/write.py"

echo "Node clients"
npm_get "$work/node" kafkajs@2.2.4 @platformatic/kafka@2.12.1 node-rdkafka@3.6.1
npm_get "$work/node22" node@22.12.0 # @platformatic/kafka asks for Node 22
cat >"$work/node/write.mjs" <<'JS'
const broker = process.env.BROKER
const keys = process.env.KEYS.split(' ')
const topics = ['keys-8', 'keys-12']
const rounds = [keys, keys.toReversed()]

async function withKafkajs(label, partitioner) {
  const { default: kafkajs } = await import('kafkajs')
  const createPartitioner = kafkajs.Partitioners[partitioner]
  const producer = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.ERROR }).producer({ createPartitioner })
  await producer.connect()
  for (const round of rounds)
    for (const topic of topics) await producer.send({ topic, messages: round.map(key => ({ key, value: label })) })
  await producer.disconnect()
}

async function withPlatformatic(label, settings) {
  const { Producer, stringSerializers, ...partitioners } = await import('@platformatic/kafka')
  if (settings.partitioner) settings = { partitioner: partitioners[settings.partitioner] }
  const producer = new Producer({ clientId: 'writer', bootstrapBrokers: [broker], serializers: stringSerializers, ...settings })
  for (const round of rounds)
    for (const topic of topics) await producer.send({ messages: round.map(key => ({ topic, key, value: label })) })
  await producer.close()
}

async function withRdkafka(label, first, second) {
  const { default: rdkafka } = await import('node-rdkafka')
  const producer = new rdkafka.Producer({ 'metadata.broker.list': broker, ...first }, second)
  await new Promise((resolve, reject) => producer.connect({}, error => (error ? reject(error) : resolve())))
  for (const round of rounds)
    for (const topic of topics) for (const key of round) producer.produce(topic, null, Buffer.from(label), key)
  await new Promise((resolve, reject) => producer.flush(20000, error => (error ? reject(error) : resolve())))
  await new Promise(resolve => producer.disconnect(resolve))
}

const murmur2 = { partitioner: 'murmur2_random' }
if (process.argv[2] === 'platformatic') {
  await withPlatformatic('platformatic', {})
  await withPlatformatic('platformatic compatibilityPartitioner', { partitioner: 'compatibilityPartitioner' })
} else {
  await withKafkajs('kafkajs', 'DefaultPartitioner')
  await withKafkajs('kafkajs LegacyPartitioner', 'LegacyPartitioner')
  await withRdkafka('node-rdkafka', {}, {})
  await withRdkafka('node-rdkafka murmur2_random first', murmur2, {})
  await withRdkafka('node-rdkafka murmur2_random second', {}, murmur2)
}
process.exit(0)
JS
timeout 120 node "$work/node/write.mjs" others
timeout 120 "$work/node22/node_modules/node/bin/node" "$work/node/write.mjs" platformatic

echo "Go clients"
mkdir "$work/go"
cat >"$work/go/main.go" <<'GO'
package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

var broker = os.Getenv("BROKER")

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func each(write func(topic, key string)) {
	keys := strings.Fields(os.Getenv("KEYS"))
	for round := 0; round < 2; round++ {
		for _, topic := range []string{"keys-8", "keys-12"} {
			for _, key := range keys {
				write(topic, key)
			}
		}
		slices.Reverse(keys)
	}
}

func withSarama(label string, partitioner sarama.PartitionerConstructor) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	if partitioner != nil {
		config.Producer.Partitioner = partitioner
	}
	producer, err := sarama.NewSyncProducer([]string{broker}, config)
	must(err)
	each(func(topic, key string) {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(label)})
		must(err)
	})
	must(producer.Close())
}

func withSegmentio(label string, balancer segmentio.Balancer) {
	writer := &segmentio.Writer{Addr: segmentio.TCP(broker), Balancer: balancer, BatchSize: 1}
	each(func(topic, key string) {
		must(writer.WriteMessages(context.Background(), segmentio.Message{Topic: topic, Key: []byte(key), Value: []byte(label)}))
	})
	must(writer.Close())
}

func withConfluent(label string, settings confluent.ConfigMap) {
	must(settings.SetKey("bootstrap.servers", broker))
	producer, err := confluent.NewProducer(&settings)
	must(err)
	delivered := make(chan confluent.Event, 100)
	each(func(topic, key string) {
		must(producer.Produce(&confluent.Message{
			TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: confluent.PartitionAny},
			Key:            []byte(key), Value: []byte(label)}, delivered))
		must((<-delivered).(*confluent.Message).TopicPartition.Error)
	})
	producer.Close()
}

func withFranz(label string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	must(err)
	each(func(topic, key string) {
		must(client.ProduceSync(context.Background(),
			&kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(label)}).FirstErr())
	})
	client.Close()
}

func main() {
	withSarama("sarama", nil)
	withSarama("sarama NewMurmur2Partitioner", sarama.NewMurmur2Partitioner)
	withSegmentio("kafka-go", nil)
	withSegmentio("kafka-go Murmur2Balancer", &segmentio.Murmur2Balancer{})
	withConfluent("confluent-kafka-go", confluent.ConfigMap{"linger.ms": 0})
	withConfluent("confluent-kafka-go murmur2_random", confluent.ConfigMap{"linger.ms": 0, "partitioner": "murmur2_random"})
	withFranz("franz-go")
}
GO
go_get "$work/go" github.com/IBM/sarama@v1.61.1 github.com/segmentio/kafka-go@v0.4.51 \
    github.com/confluentinc/confluent-kafka-go/v2/kafka@v2.11.1 github.com/twmb/franz-go/pkg/kgo@v1.22.3
timeout 120 "$work/go/program"

kafka_java "$clients/Keys.java" read >"$work/found"
column -t -s $'\t' -N "client,agree on 8,split,agree on 12,split,records,chocolate right on 8" "$work/found"

# row CLIENT: agreeing and split keys on 8 and on 12 partitions, the records written, whether `chocolate` alone would have shown it.
row() { awk -F'\t' -v client="$1" '$1 == client { print $2, $3, $4, $5, $6, $7 }' "$work/found"; }
for client in java kafka-python aiokafka kafkajs franz-go "confluent-kafka murmur2_random" "confluent-kafka-go murmur2_random" \
    "node-rdkafka murmur2_random second" "platformatic compatibilityPartitioner" "sarama NewMurmur2Partitioner" "kafka-go Murmur2Balancer"; do
    seen "$client" "16 0 16 0 64 true" "$(row "$client")"
done
# By default: the numbers are of these 16 keys; what counts is that they are not 16, or that keys are split.
seen "kafkajs LegacyPartitioner" "3 0 1 0 64 false" "$(row "kafkajs LegacyPartitioner")"
for client in confluent-kafka confluent-kafka-go node-rdkafka "node-rdkafka murmur2_random first"; do
    seen "$client" "1 0 1 0 64 false" "$(row "$client")"
done
seen platformatic "16 0 4 0 64 true" "$(row platformatic)"
seen sarama "2 0 1 0 64 true" "$(row sarama)"
seen kafka-go "0 16 0 16 64 false" "$(row kafka-go)"
verdict
# Seen (agreeing keys and keys on two partitions, on 8 and on 12 partitions; records; whether `chocolate` is right on 8):
#   16 0 16 0 64 true    java and the ten that agree, by default or as set
#    3 0  1 0 64 false   kafkajs LegacyPartitioner
#    1 0  1 0 64 false   confluent-kafka, confluent-kafka-go, node-rdkafka (also with the property in its first argument)
#   16 0  4 0 64 true    @platformatic/kafka
#    2 0  1 0 64 true    sarama
#    0 16 0 16 64 false  kafka-go
