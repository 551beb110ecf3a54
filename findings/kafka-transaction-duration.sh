#!/usr/bin/env bash
# Kafka 4.3.1: kafka-transactions shows a growing duration for a transaction that was committed long ago.
#
# `kafka-transactions describe` has columns CurrentTransactionStartTimeMs and TransactionDurationMs, and DescribeTransactions a
# start time; both are those of the last transaction, also when its state is CompleteCommit or CompleteAbort and none is open, and the
# duration is counted up to now. So an alarm on a long transaction must ask for the state as well (Ongoing), or every idle producer
# is one.
#
# Source: KIP-664, which names the columns; TransactionsCommand of kafka-tools.
#
# Needs Java and Maven. Takes half a minute.
source "$(dirname "$0")/lib.sh"

kafka_get
kafka_start
kafka_topic topic 1
kafka_transactions writer 1

read -r state first <<<"$(kafka_transaction writer TransactionState TransactionDurationMs)"
sleep 3
read -r later <<<"$(kafka_transaction writer TransactionDurationMs)"
echo "duration in milliseconds: $first, and three seconds later $later"
seen "state" CompleteCommit "$state"
seen "the duration grows" yes "$([ "$later" -ge $((first + 3000)) ] && echo yes || echo no)"
verdict
# Seen: duration in milliseconds: 1710, and three seconds later 6391
