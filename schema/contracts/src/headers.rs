//! The headers of records, as the code writes them: CloudEvents in binary mode, and what travels beside them.
//!
//! Names of attributes come from `ledger_schema::cloudevents`; a test compares the whole with what that writes. Next:
//! [`crate::asyncapi`].

use ledger_schema::cloudevents::{CE_ID, CE_TIME, CE_TYPE, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::Contract;
use crate::contract::Topic;
use crate::members::{Member, always, event_id_as_written, object, product_id, sometimes, time, word_of};

/// What is there, and what may be.
pub(crate) fn schema(topic: Topic) -> Map<String, Value> {
    let types = Contract::ALL.iter().filter(|contract| contract.topic() == topic).map(|contract| contract.event_type());
    let mut types: Vec<&str> = types.collect();
    types.dedup();
    types.sort_unstable();
    types.dedup();
    let id = match topic {
        Topic::Orders => {
            let about = "The id of the order or movement, or the event that a line's event follows from (PARTITION-OFFSET-INDEX). Unique within its type.";
            always(CE_ID, about, json!({"type": "string", "minLength": 1}))
        }
        Topic::Outcomes => always(CE_ID, "The outcome's `event_id`. Unique.", event_id_as_written()),
    };
    let source = match topic {
        Topic::Orders => {
            "Who wrote it: /order-service/NAME, /ledger/projector, /ledger/redrive, or what an import named."
        }
        Topic::Outcomes => "/ledger/projector",
    };
    let all = [
        always("ce_specversion", "Of CloudEvents.", word_of(["1.0"])),
        id,
        always(CE_TYPE, "As `type` of the value.", word_of(types)),
        always("ce_source", source, json!({"type": "string", "format": "uri-reference", "minLength": 1})),
        always(
            "ce_subject",
            "The product that it is about; of an order of several lines, that of line 1.",
            product_id(),
        ),
        always(CONTENT_TYPE, "Of the value.", word_of(["application/json"])),
    ];
    object(all.into_iter().chain(own(topic)))
}

fn own(topic: Topic) -> Vec<Member> {
    match topic {
        Topic::Orders => vec![
            sometimes("traceparent", "W3C Trace Context of the request.", json!({"type": "string"})),
            sometimes(
                "tracestate",
                "W3C Trace Context of the request; beside `traceparent`.",
                json!({"type": "string"}),
            ),
            sometimes(
                "ledger_mends",
                "PARTITION:OFFSET of the dead letter that it corrects.",
                json!({"type": "string", "pattern": "^(0|[1-9][0-9]*):(0|[1-9][0-9]*)$"}),
            ),
        ],
        Topic::Outcomes => vec![sometimes(CE_TIME, "When the log took the cause, RFC 3339, UTC.", time())],
    }
}

/// Those of a sample: written by the code itself.
pub(crate) fn example(topic: Topic, id: &str, event_type: &str, subject: &str) -> Value {
    let source = match topic {
        Topic::Orders => "/order-service/a",
        Topic::Outcomes => "/ledger/projector",
    };
    let mut headers: Map<String, Value> = ledger_schema::cloudevents::headers(id, event_type, source, subject)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if topic == Topic::Outcomes {
        let time = ledger_schema::cloudevents::time(1_795_428_000_123).expect("a time of 2026");
        headers.insert(CE_TIME.to_owned(), time.into());
    }
    Value::Object(headers)
}
