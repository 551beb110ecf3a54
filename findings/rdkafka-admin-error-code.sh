#!/usr/bin/env bash
# Crate rdkafka 0.39.0: `rdkafka_error_code()` of an admin operation's error is None, though the error holds the code.
#
# `KafkaError::rdkafka_error_code` gives the code beneath an error, if there is one: it is how one asks whether an error is worth a retry. For
# AdminOp(code), which is what create_topics, describe_configs and the others fail with, it says None, while MetadataFetch(code), Global(code) and so on
# give it. So a retry rule that rests on it takes a time-out or a leader that moves, met by an admin operation, for an error without a code: a
# final one. Match KafkaError::AdminOp(code) beside it.
#
# Source: src/error.rs of the crate, line 340: `KafkaError::AdminOp(_) => None`; the variant is declared at line 141 as `AdminOp(RDKafkaErrorCode)`.
#
# Needs cargo, a C compiler and make; no broker. Takes two to three minutes.
source "$(dirname "$0")/lib.sh"

mkdir -p "$work/rust/src"
cat >"$work/rust/Cargo.toml" <<'TOML'
[package]
name = "admin-error-code"
version = "0.0.0"
edition = "2021"

[dependencies]
rdkafka = "=0.39.0"
tokio = { version = "1", features = ["rt", "macros"] }
TOML
cat >"$work/rust/src/main.rs" <<'RUST'
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::ClientConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Nobody listens there.
    let broker = std::env::args().nth(1).expect("an address");
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker).create().expect("a client");
    let topic = NewTopic::new("found", 1, TopicReplication::Fixed(1));
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(2)));
    let error = admin.create_topics([&topic], &options).await.expect_err("nobody listens there");
    println!("rdkafka_error_code\t{:?}", error.rdkafka_error_code());
    if let KafkaError::AdminOp(code) = error {
        println!("KafkaError::AdminOp\t{code:?}");
        println!("the same code as MetadataFetch\t{:?}", KafkaError::MetadataFetch(code).rdkafka_error_code());
    }
}
RUST
cargo run --quiet --manifest-path "$work/rust/Cargo.toml" --target-dir "$work/rust/target" -- "127.0.0.1:$(free_port)" >"$work/found"
seen_lines "$work/found" <<'FOUND'
rdkafka_error_code	None
KafkaError::AdminOp	OperationTimedOut
the same code as MetadataFetch	Some(OperationTimedOut)
FOUND
verdict
