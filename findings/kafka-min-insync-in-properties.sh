#!/usr/bin/env bash
# Kafka 4.3.1: `min.insync.replicas` in server.properties counts when the storage is formatted, and never again.
#
# A cluster that is formatted with the defaults of this version has the feature eligible.leader.replicas.version 1 (KIP-966). It writes the
# value of that day into the cluster's metadata, as the default of all brokers, where it outranks the file of every broker. Whoever adds
# `min.insync.replicas=2` to the files later, and restarts all brokers, has changed nothing: topics, old and new, go on with 1. Broker and tools
# start without a word about it; kafka-configs shows it among the synonyms only. What does set it: kafka-configs for the default of all
# brokers, or the topic's own setting.
#
# Source: KIP-966; ConfigurationControlManager of kafka-metadata (`maybeGenerateElrSafetyRecords`); the order of
# `synonyms` that DescribeConfigs answers with.
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic before 1
stop
echo min.insync.replicas=2 >>"$work/kafka/server.properties"
kafka_run
kafka_topic after 1

described() {
    kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKER" --describe --topic "$1" | grep -o 'min.insync.replicas=.'
}
seen "a topic of before" min.insync.replicas=1 "$(described before)"
seen "a topic of after" min.insync.replicas=1 "$(described after)"
seen "the broker says" \
    "min.insync.replicas=1 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:min.insync.replicas=1, STATIC_BROKER_CONFIG:min.insync.replicas=2, DEFAULT_CONFIG:min.insync.replicas=1}" \
    "$(kafka_java kafka.admin.ConfigCommand --bootstrap-server "$BROKER" --describe --entity-type brokers --entity-name 1 --all | grep -o 'min.insync.*')"
seen "warnings that name it" "" "$(grep -E '^(WARN|ERROR).*min.insync' "$work/kafka/server.log" || true)"
kafka_java kafka.admin.ConfigCommand --bootstrap-server "$BROKER" --alter --entity-type brokers --entity-default \
    --add-config min.insync.replicas=2 >/dev/null
kafka_topic set 1
seen "a topic after kafka-configs" min.insync.replicas=2 "$(described set)"
verdict
# Seen: a topic of before: min.insync.replicas=1
#       a topic of after: min.insync.replicas=1
#       a topic after kafka-configs: min.insync.replicas=2
