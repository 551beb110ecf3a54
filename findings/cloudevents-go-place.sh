#!/usr/bin/env bash
# CloudEvents' SDK for Go 2.16.1 (kafka_sarama): an event that was read has attributes that its record had not, and takes them along to the next topic.
#
# Reading adds the extensions `kafkatopic`, `kafkapartition` and `kafkaoffset`, which are the record's place. They look like the event's own: sent on, they are
# headers `ce_kafkaoffset` and so on, and every other reader of the next topic finds the place in the topic before under that name. A Go reader finds the new
# one, since it replaces what is there. So one event, with one id, differs from hop to hop and by its reader, and whoever keeps "the offset of the event" to go on from,
# keeps one of another topic.
# Sent on, a record also loses its key, where no `ce_partitionkey` repeats it, so what belongs to one product spreads over the partitions; and it loses the
# headers that are not CloudEvents', `traceparent` among them.
#
# Sources: NewMessageFromConsumerMessage in message.go, and write_producer_message.go, of protocol/kafka_sarama; CloudEvents' Kafka binding (the key is mapped from `partitionkey`).
# What follows from it here: readers of outcomes take `event_id`, which has partition and offset of the cause, and send a key of their own.
#
# Needs Go; no broker. Takes ten seconds.
source "$(dirname "$0")/lib.sh"

mkdir -p "$work/go"
cat >"$work/go/main.go" <<'GO'
package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
)

func read(record *sarama.ConsumerMessage) *event.Event {
	read, err := binding.ToEvent(context.Background(), kafka_sarama.NewMessageFromConsumerMessage(record))
	if err != nil {
		panic(err)
	}
	return read
}

func attributes(event *event.Event) string {
	told := []string{}
	for name, value := range event.Extensions() {
		told = append(told, fmt.Sprintf("%s=%v", name, value))
	}
	sort.Strings(told)
	return strings.Join(told, " ")
}

func send(event *event.Event) (key string, headers []string, record []*sarama.RecordHeader) {
	message := sarama.ProducerMessage{Topic: "archive"}
	if err := kafka_sarama.WriteProducerMessage(context.Background(), binding.ToMessage(event), &message); err != nil {
		panic(err)
	}
	key = "none"
	if message.Key != nil {
		bytes, _ := message.Key.Encode()
		key = string(bytes)
	}
	for at := range message.Headers {
		headers = append(headers, string(message.Headers[at].Key)+"="+string(message.Headers[at].Value))
		record = append(record, &message.Headers[at])
	}
	sort.Strings(headers)
	return
}

func main() {
	record := &sarama.ConsumerMessage{Topic: "outcomes", Partition: 3, Offset: 41, Key: []byte("milk"), Value: []byte("{}")}
	for _, header := range [][2]string{{"ce_specversion", "1.0"}, {"ce_type", "OrderConfirmed"}, {"ce_source", "/orders"}, {"ce_id", "3-41-0"},
		{"traceparent", "00-11111111111111111111111111111111-1111111111111111-01"}} {
		record.Headers = append(record.Headers, &sarama.RecordHeader{Key: []byte(header[0]), Value: []byte(header[1])})
	}
	first := read(record)
	fmt.Println("read:", attributes(first))
	key, headers, sent := send(first)
	fmt.Println("sent on, key:", key)
	fmt.Println("sent on, headers:", strings.Join(headers, " "))
	fmt.Println("read there:", attributes(read(&sarama.ConsumerMessage{Topic: "archive", Partition: 0, Offset: 7, Value: []byte("{}"), Headers: sent})))
	first.SetExtension("partitionkey", "milk")
	key, _, _ = send(first)
	fmt.Println("sent on with partitionkey, key:", key)
}
GO
go_get "$work/go" github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2@v2.16.1 github.com/cloudevents/sdk-go/v2/binding@v2.16.1 github.com/IBM/sarama@v1.61.1
"$work/go/program" >"$work/found"
seen_lines "$work/found" <<'FOUND'
read: kafkaoffset=41 kafkapartition=3 kafkatopic=outcomes
sent on, key: none
sent on, headers: ce_id=3-41-0 ce_kafkaoffset=41 ce_kafkapartition=3 ce_kafkatopic=outcomes ce_source=/orders ce_specversion=1.0 ce_type=OrderConfirmed
read there: kafkaoffset=7 kafkapartition=0 kafkatopic=archive
sent on with partitionkey, key: milk
FOUND
verdict
