#!/usr/bin/env bash
# Crate rdkafka 0.39.0 (it builds librdkafka 2.12.1): of a property and its alias, either one wins, from one client to the next.
#
# librdkafka gives many properties two names (`acks` is `request.required.acks`, `bootstrap.servers` is `metadata.broker.list`,
# `delivery.timeout.ms` is `message.timeout.ms`) and lets the one that is set last win. `ClientConfig` of the crate keeps what is set
# in a HashMap, whose order is drawn anew for every map, and hands it to librdkafka in that order. So a program that sets
# `acks=all`, and takes further properties from its operator, is not safe from `request.required.acks=0` among them by setting its own
# last: some clients get the one, some the other, in the same process.
#
# Source: `config.rs` of the crate, `ClientConfig::conf_map` and `create_native_config`; CONFIGURATION.md of librdkafka ("Alias for").
# What follows from it here: both names of what correctness rests on are refused among the operator's properties
# (schema/kafka/src/properties.rs).
#
# Needs cargo, a C compiler and make; no broker. Takes about two minutes. Fails when only one of them ever wins.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat > "$work/Cargo.toml" <<'TOML'
[package]
name = "property-and-alias"
version = "0.0.0"
edition = "2021"

[dependencies]
rdkafka = "=0.39.0"
TOML
cat > "$work/src/main.rs" <<'RUST'
use std::collections::BTreeMap;

use rdkafka::ClientConfig;

fn winners(property: (&str, &str), alias: (&str, &str)) -> BTreeMap<String, u32> {
    let mut winners = BTreeMap::new();
    for _ in 0..400 {
        let mut config = ClientConfig::new();
        // The alias first, the property last.
        config.set(alias.0, alias.1).set(property.0, property.1);
        let native = config.create_native_config().expect("both are valid");
        *winners.entry(native.get(property.0).expect("a property")).or_insert(0) += 1;
    }
    winners
}

fn main() {
    let (_, version) = rdkafka::util::get_rdkafka_version();
    println!("librdkafka {version}");
    let brokers = winners(("bootstrap.servers", "first:9092"), ("metadata.broker.list", "second:9092"));
    println!("bootstrap.servers, of 400 clients: {brokers:?}");
    let timeouts = winners(("delivery.timeout.ms", "5000"), ("message.timeout.ms", "300000"));
    println!("delivery.timeout.ms, of 400 clients: {timeouts:?}");
    assert!(brokers.len() == 2 && timeouts.len() == 2, "the behaviour changed: one of the two always wins");
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target"
# Seen: librdkafka 2.12.1
#       bootstrap.servers, of 400 clients: {"first:9092": 215, "second:9092": 185}
#       delivery.timeout.ms, of 400 clients: {"300000": 173, "5000": 227}    (about half each, in every run)
