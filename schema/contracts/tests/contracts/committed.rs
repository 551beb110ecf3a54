//! What is committed: the generated files, and the history of what was released.

use std::collections::BTreeSet;
use std::path::Path;

use ledger_contracts::{Contract, Topic, asyncapi, files, released, samples};
use ledger_schema::cloudevents;
use serde_json::Value;

use crate::validator::against;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_is_committed_is_what_the_code_says() {
    let differences = files::differences(folder()).unwrap();
    assert!(
        differences.is_empty(),
        "{}\nRun `{}`, look at what changed, and commit it.",
        differences.join("\n"),
        files::REGENERATE
    );
}

#[test]
fn what_was_released_still_holds() {
    let history = released::read(folder()).unwrap();
    let problems = released::problems(&history, Contract::schema);
    assert!(
        problems.is_empty(),
        "{}\nWhat was written under a released schema stands in topics, and its readers in other people's programs: give the changed type a new version.",
        problems.join("\n")
    );
    let released: Vec<Contract> = history.keys().copied().collect();
    let never: Vec<String> =
        Contract::ALL.iter().filter(|contract| !released.contains(contract)).map(|contract| contract.title()).collect();
    assert!(never.is_empty(), "not released yet: {}; run `{} --release`", never.join(", "), files::REGENERATE);
}

/// The document by itself; AsyncAPI's own parser reads it in `xtask/tests/asyncapi.rs`.
#[test]
fn the_asyncapi_document_has_every_message_and_no_other() {
    let document = asyncapi::document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let messages = document["components"]["messages"].as_object().unwrap();
    assert_eq!(messages.len(), Contract::ALL.len());
    let mut examples = 0;
    for contract in Contract::ALL {
        let name = format!("{}V{}", contract.event_type(), contract.version());
        let message = &messages[&name];
        assert_eq!(message["payload"]["$ref"], format!("./{}", contract.path()), "{name}");
        let shown = message["examples"].as_array().unwrap();
        assert!(!shown.is_empty(), "{name} has no example");
        for example in shown {
            assert_eq!(example["payload"]["type"], contract.event_type());
            assert_eq!(example["headers"]["ce_type"], contract.event_type());
            let headers = match contract.topic() {
                Topic::Orders => &document["components"]["schemas"]["headersOfOrders"],
                Topic::Outcomes => &document["components"]["schemas"]["headersOfOutcomes"],
            };
            against(headers, &example["headers"]).unwrap();
            against(&contract.schema(), &example["payload"]).unwrap();
            let key = &message["bindings"]["kafka"]["key"];
            let payload = &example["payload"];
            let of_lines = payload["lines"][0]["product_id"].clone();
            let keys = [&payload["product_id"], &payload["home_product_id"], &payload["order_id"], &of_lines];
            assert!(keys.iter().any(|value| against(key, value).is_ok()), "{name}: {key}");
        }
        examples += shown.len();
        let channel = if contract.topic() == Topic::Orders { "orders" } else { "outcomes" };
        assert_eq!(document["channels"][channel]["messages"][&name]["$ref"], format!("#/components/messages/{name}"));
    }
    assert_eq!(examples, samples::ALL.len());
    for (topic, name) in [(Topic::Orders, "headersOfOrders"), (Topic::Outcomes, "headersOfOutcomes")] {
        let headers = &document["components"]["schemas"][name];
        let written: BTreeSet<&str> = cloudevents::headers("i", "t", "s", "p").map(|(name, _)| name).into();
        let described = headers["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        assert_eq!(described.collect::<BTreeSet<_>>(), written, "{}", topic.name());
    }
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in references {
        match reference.strip_prefix('#') {
            Some(pointer) => assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere"),
            None => assert!(folder().join(&reference).is_file(), "{reference} is no file"),
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

/// The document says that they are those of both drafts.
#[test]
fn schemas_use_keywords_that_draft_7_has() {
    const DRAFT_7: &[&str] = &[
        "$schema",
        "$id",
        "title",
        "description",
        "type",
        "const",
        "enum",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "not",
        "minItems",
        "maxItems",
        "items",
        "required",
        "properties",
        "additionalProperties",
        "if",
        "then",
        "else",
    ];
    fn keywords(schema: &Value, found: &mut BTreeSet<String>) {
        let Some(members) = schema.as_object() else { return };
        for (keyword, value) in members {
            found.insert(keyword.clone());
            match keyword.as_str() {
                "properties" => value.as_object().unwrap().values().for_each(|member| keywords(member, found)),
                "items" | "not" | "if" | "then" | "else" => keywords(value, found),
                _ => {}
            }
        }
    }
    let mut found = BTreeSet::new();
    Contract::ALL.iter().for_each(|contract| keywords(&contract.schema(), &mut found));
    let others: Vec<&String> = found.iter().filter(|keyword| !DRAFT_7.contains(&keyword.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
}
