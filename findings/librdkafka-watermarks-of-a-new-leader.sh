#!/usr/bin/env bash
# librdkafka 2.16.0 (confluent-kafka 2.16.1), and 2.12.1: get_watermark_offsets says that a partition with five records begins where it ends.
#
# rd_kafka_query_watermark_offsets (in Python get_watermark_offsets, in Rust fetch_watermarks) sends two ListOffsets, one for the begin and one for
# the end. A broker that becomes the leader in between answers the first with NOT_LEADER_OR_FOLLOWER and the second with the end. The error is
# kept in the same place as the result of the second answer; when both lie in the queue at once, the second one's success overwrites it. The begin
# was never filled in, and a begin that is not known is taken for the end: low = high, no error. Whoever takes that for an empty partition (to decide
# whether there is anything to read, or whether a topic lost its records) decides wrongly, during the seconds in which a broker starts.
# When the second answer comes a little later, the call raises the error, as it should. Ask for one end at a time instead (offsets_for_times
# with the logical offsets BEGINNING and END), and look at each partition's error.
#
# Met as: a fault run with kill -9 of Kafka at load 30 on two cores; "the topic has no cursor, but outcomes were written".
# Source: src/rdkafka.c of 2.12.1, rd_kafka_query_wmark_offsets_resp_cb: `if (err || state->offidx == 2) state->err = err`, and at the end of
# rd_kafka_query_watermark_offsets "if partition is empty only one offset (the last) will be returned".
#
# Needs Python; the broker is the one that librdkafka brings for tests, in the same process. Takes ten seconds.
source "$(dirname "$0")/lib.sh"

pip_get confluent-kafka==2.16.1
cat >"$work/watermarks.py" <<'PYTHON'
import ctypes, glob, os
import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

LIST_OFFSETS, NOT_LEADER_OR_FOLLOWER, TRIES = 2, 6, 30
package = os.path.dirname(confluent_kafka.__file__)
lib = ctypes.CDLL(glob.glob(os.path.join(package, "..", "confluent_kafka.libs", "librdkafka-*"))[0])
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

text = ctypes.create_string_buffer(512)
owner = ctypes.c_void_p(lib.rd_kafka_new(0, ctypes.c_void_p(lib.rd_kafka_conf_new()), text, len(text)))
cluster = ctypes.c_void_p(lib.rd_kafka_mock_cluster_new(owner, 1))
broker = lib.rd_kafka_mock_cluster_bootstraps(cluster).decode()
lib.rd_kafka_mock_topic_create(cluster, b"orders", 1, 1)
producer = Producer({"bootstrap.servers": broker})
for nth in range(5):
    producer.produce("orders", b"a record", partition=0)
producer.flush(10)

consumer = Consumer({"bootstrap.servers": broker, "group.id": "somebody"})
orders = TopicPartition("orders", 0)
print("librdkafka", confluent_kafka.libversion()[0], sep="\t")
print("asked of a leader", consumer.get_watermark_offsets(orders, timeout=10), sep="\t")
answers = set()
for _ in range(TRIES):
    # The next ListOffsets alone is answered with it.
    lib.rd_kafka_mock_push_request_errors(
        cluster, ctypes.c_int16(LIST_OFFSETS), ctypes.c_size_t(1), ctypes.c_int(NOT_LEADER_OR_FOLLOWER))
    try:
        answers.add(str(consumer.get_watermark_offsets(orders, timeout=10)))
    except KafkaException as error:
        # Both are met, by chance: the second answer came later.
        assert error.args[0].code() == NOT_LEADER_OR_FOLLOWER, error
print("of one that becomes leader in between, among other answers", "(5, 5)" if "(5, 5)" in answers else answers, sep="\t")
consumer.close()
PYTHON
"$work/python/bin/python" "$work/watermarks.py" >"$work/found" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
seen_lines "$work/found" <<'FOUND'
librdkafka	2.16.0
asked of a leader	(0, 5)
of one that becomes leader in between, among other answers	(5, 5)
FOUND
verdict
