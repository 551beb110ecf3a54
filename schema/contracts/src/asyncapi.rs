//! The AsyncAPI document of both topics: servers, channels, operations, messages with their headers, keys and examples. The values are
//! described by reference to the schemas.
//!
//! It must never describe a message that [`Contract::ALL`] does not have. Next: [`crate::text`].

use ledger_schema::topics::{self, DEFAULT_PARTITION_COUNT, MAX_MESSAGE_BYTES};
use ledger_schema::wire::{Outcome, decode};
use serde_json::{Map, Value, json};

use crate::contract::{Contract, Topic};
use crate::{headers, members, samples};

/// Where it stands, below the folder of contracts.
pub const PATH: &str = "asyncapi.json";

const ABOUT: &str = "Orders and stock over one log. Every record of `orders` is JSON with `type` and `version`, keyed by the product that it is about, and lies where murmur2 of its key \
    (the default partitioner of Java's producers) puts it. The projector folds it, once, and publishes what it decided to `orders.outcomes`, to the partition of the same number. Read outcomes with \
    isolation.level=read_committed; each has an `event_id` by which a consumer can tell a repeat. Members that a reader does not know are to be ignored; a type or version that the projector does not \
    know is parked in `orders.dead-letters`. The schemas use keywords that draft 7 and draft 2020-12 of JSON Schema have in common.";

/// The whole document.
pub fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:order-ledger",
        "info": {
            "title": "Order ledger",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:29092",
                "protocol": "kafka",
                "description": "The Kafka that `cargo xtask up` starts.",
            },
        },
        "channels": per_topic(channel),
        "operations": operations(),
        "components": {
            "messages": Contract::ALL.iter().map(|contract| (message_name(*contract), message(*contract))).collect::<Map<_, _>>(),
            "schemas": Topic::ALL.iter().map(|topic| (headers_name(*topic), headers_schema(*topic))).collect::<Map<_, _>>(),
        },
    })
}

const fn channel_name(topic: Topic) -> &'static str {
    match topic {
        Topic::Orders => "orders",
        Topic::Outcomes => "outcomes",
    }
}

fn headers_name(topic: Topic) -> String {
    format!("headersOf{}", if topic == Topic::Orders { "Orders" } else { "Outcomes" })
}

/// `OrderPlacedV1`.
fn message_name(contract: Contract) -> String {
    format!("{}V{}", contract.event_type(), contract.version())
}

fn per_topic(one: impl Fn(Topic) -> Value) -> Map<String, Value> {
    Topic::ALL.iter().map(|topic| (channel_name(*topic).to_owned(), one(*topic))).collect()
}

fn of_topic(topic: Topic) -> impl Iterator<Item = Contract> {
    Contract::ALL.iter().copied().filter(move |contract| contract.topic() == topic)
}

fn channel(topic: Topic) -> Value {
    let name = topic.name();
    let about = match topic {
        Topic::Orders => "The log: the only truth. It never expires, and its number of partitions is frozen.",
        Topic::Outcomes => {
            "What was decided, in the order of the log, in the partition of the same number as the cause."
        }
    };
    let spec = match topic {
        Topic::Orders => topics::TopicSpec::log(name, DEFAULT_PARTITION_COUNT, 1),
        Topic::Outcomes => topics::TopicSpec::published(name, DEFAULT_PARTITION_COUNT, 1),
    };
    let setting = |wanted: &str| spec.config.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str());
    let number = |wanted: &str| setting(wanted).and_then(|text| text.parse::<i64>().ok());
    debug_assert_eq!(number("max.message.bytes"), i64::try_from(MAX_MESSAGE_BYTES).ok());
    let messages: Map<String, Value> = of_topic(topic)
        .map(|contract| {
            let name = message_name(contract);
            let reference = json!({"$ref": format!("#/components/messages/{name}")});
            (name, reference)
        })
        .collect();
    json!({
        "address": name,
        "description": about,
        "servers": [{"$ref": "#/servers/local"}],
        "messages": messages,
        "bindings": {
            "kafka": {
                "topic": name,
                "partitions": spec.partition_count,
                "topicConfiguration": {
                    "cleanup.policy": [setting("cleanup.policy")],
                    "retention.ms": number("retention.ms"),
                    "retention.bytes": number("retention.bytes"),
                    "max.message.bytes": number("max.message.bytes"),
                },
                "bindingVersion": "0.5.0",
            },
        },
    })
}

fn operations() -> Value {
    let operation = |action: &str, topic: Topic, summary: &str| {
        let channel = channel_name(topic);
        let messages: Vec<Value> = of_topic(topic)
            .map(|contract| json!({"$ref": format!("#/channels/{channel}/messages/{}", message_name(contract))}))
            .collect();
        json!({
            "action": action,
            "channel": {"$ref": format!("#/channels/{channel}")},
            "summary": summary,
            "messages": messages,
        })
    };
    json!({
        "appendToLog": operation("send", Topic::Orders, "The order services append what clients ask for, the projector what partitions tell each other."),
        "foldLog": operation("receive", Topic::Orders, "The projector folds the log; others may append to it what they are allowed to."),
        "publishOutcomes": operation("send", Topic::Outcomes, "The projector publishes what it decided."),
        "followOutcomes": operation("receive", Topic::Outcomes, "The order services follow it, to answer `Prefer: wait` and to feed their streams."),
    })
}

fn headers_schema(topic: Topic) -> Value {
    let mut schema = headers::schema(topic);
    schema.insert("description".to_owned(), "CloudEvents, Kafka binding, binary mode.".into());
    Value::Object(schema)
}

fn message(contract: Contract) -> Value {
    let schema = contract.schema();
    let key = key_schema(contract);
    json!({
        "name": message_name(contract),
        "title": contract.title(),
        "summary": schema["description"],
        "contentType": "application/json",
        "headers": {"$ref": format!("#/components/schemas/{}", headers_name(contract.topic()))},
        "payload": {"$ref": format!("./{}", contract.path())},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        "examples": samples::of(contract).map(|sample| example(contract, sample)).collect::<Vec<_>>(),
    })
}

/// Of the log a product's id, of outcomes an order's or a product's.
fn key_schema(contract: Contract) -> Value {
    use Contract as C;
    let (mut schema, about) = match contract {
        C::OrderPlacedV3 => (members::product_id(), "`product_id` of line 1."),
        C::LineDecidedV1 => (members::product_id(), "As `home_product_id`."),
        C::OrderConfirmedV1
        | C::OrderRejectedV1
        | C::OrderHeldV1
        | C::OrderCancelledV1
        | C::OrderConfirmedV2
        | C::OrderRejectedV2
        | C::OrderHeldV2
        | C::OrderCancelledV2 => (members::uuid_as_written(), "As `order_id`."),
        _ => (members::product_id(), "As `product_id`."),
    };
    schema["description"] = about.into();
    schema
}

/// A golden sample with the headers that the code gives it.
///
/// # Panics
/// When a golden sample is not read.
fn example(contract: Contract, sample: samples::Sample) -> Value {
    let (id, subject) = match contract.topic() {
        Topic::Orders => {
            let event = decode(Some(sample.json.as_bytes())).expect("a golden sample is an event");
            (event.id(), event.product_id().to_string())
        }
        Topic::Outcomes => {
            let outcome = Outcome::decode(sample.json.as_bytes()).expect("a golden sample is an outcome");
            (outcome.event_id().to_owned(), outcome.product_id().to_owned())
        }
    };
    let payload: Value = serde_json::from_str(sample.json).expect("a golden sample is JSON");
    json!({
        "name": sample.file.trim_end_matches(".json"),
        "headers": headers::example(contract.topic(), &id, contract.event_type(), &subject),
        "payload": payload,
    })
}
