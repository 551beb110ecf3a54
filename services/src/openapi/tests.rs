//! What generated clients rest on: names for everything, and every status with every problem type.

use std::collections::BTreeSet;

use serde_json::Value;

use super::problems::TYPES;
use crate::problem::{explain, type_of, word_of, words};
use crate::routes::document;

/// What an answer cannot be: no operation of the document has another method, a reason of lines alone, and what is said as
/// `idempotency-conflict`.
const NEVER_ANSWERED: [&str; 3] = ["method-not-allowed", "line-rejected", "conflicting-duplicate"];

fn json() -> Value {
    serde_json::to_value(document(true)).expect("a document")
}

/// Method, path, operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &'_ Value)| (path.clone(), item.as_object().expect("an item").clone());
    let names: Vec<(String, Vec<String>)> =
        paths.iter().map(of_path).map(|(path, item)| (path, item.keys().cloned().collect())).collect();
    let all =
        names.into_iter().flat_map(|(path, methods)| methods.into_iter().map(move |method| (method, path.clone())));
    all.map(|(method, path)| {
        let operation = &document["paths"][&path][&method];
        (method, path, operation)
    })
    .collect()
}

fn types_of(response: &Value) -> Vec<&str> {
    response[TYPES].as_array().into_iter().flatten().map(|text| text.as_str().expect("a type")).collect()
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = json();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
        assert!(names.insert(name), "{name} stands twice");
        assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{name}");
        assert!(operation["security"].is_array(), "{name}");
    }
    assert_eq!(document["servers"][0]["url"], "/");
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].as_str().expect("text")).collect();
    assert_eq!(tags, ["events", "operations", "orders", "stock"].into());
}

#[test]
fn every_problem_type_is_listed_with_its_one_status_and_title() {
    let document = json();
    let mut listed = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let types = types_of(response);
            let is_problem = status.starts_with(['4', '5']);
            assert_eq!(!types.is_empty(), is_problem, "{method} {path} {status}");
            let examples = &response["content"]["application/problem+json"]["examples"];
            assert_eq!(examples.as_object().map_or(0, serde_json::Map::len), types.len(), "{method} {path} {status}");
            for problem_type in types {
                let word = word_of(problem_type);
                let page = explain(word).unwrap_or_else(|| panic!("{word} has no page"));
                assert_eq!(page.status.to_string(), *status, "{word}");
                assert_eq!(examples[word]["value"]["title"], page.title);
                assert_eq!(examples[word]["value"]["type"], problem_type);
                listed.insert(word.to_owned());
            }
        }
    }
    let all: BTreeSet<String> = words().filter(|word| !NEVER_ANSWERED.contains(word)).map(str::to_owned).collect();
    assert_eq!(listed, all, "what the code can answer, and what the document has");
    let known: Vec<&Value> =
        document["components"]["schemas"]["ProblemType"]["enum"].as_array().expect("words").iter().collect();
    let words: Vec<String> = words().map(type_of).collect();
    assert_eq!(known, words.iter().collect::<Vec<_>>());
}

/// The gateway's template is held against titles and statuses elsewhere; here, that clients are told of its answers.
#[test]
fn what_the_gateway_answers_itself_is_listed() {
    const TEMPLATE: &str = include_str!("../../../deploy/nginx/ledger.conf.template");
    let document = json();
    let order = &document["paths"]["/orders"]["post"]["responses"];
    let mut seen = 0;
    for line in TEMPLATE.lines() {
        let Some((_, rest)) = line.split_once("\"type\":\"") else { continue };
        let problem_type = rest.split('"').next().expect("a type");
        let status = rest.split_once("\"status\":").and_then(|(_, rest)| rest.split(',').next()).expect("a status");
        if ["not-found", "method-not-allowed"].contains(&word_of(problem_type)) {
            continue;
        }
        assert!(types_of(&order[status]).contains(&problem_type), "{status} {problem_type}");
        seen += 1;
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn references_lead_somewhere_and_words_have_names() {
    let document = json();
    let mut inline = Vec::new();
    visit(&document, &mut |value| {
        if let Some(pointer) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&pointer[1..]).is_some(), "{pointer} leads nowhere");
        }
        if value.get("enum").is_some() {
            inline.push(value.clone());
        }
    });
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let named = schemas.values().filter(|schema| schema.get("enum").is_some()).count();
    assert_eq!(inline.len(), named, "each list of words is a schema with a name");
    assert!(named >= 8);
    for (schema, member, name) in [
        ("AcceptedOrder", "status", "OrderStatus"),
        ("AcceptedOrder", "reason", "OrderReason"),
        ("LineView", "status", "LineStatus"),
        ("MovementView", "kind", "MovementKind"),
        ("ProblemDocument", "type", "ProblemType"),
        ("ProblemDocument", "orderStatus", "OrderStatus"),
        ("RefusedLineView", "reason", "RefusalReason"),
        ("StockView", "position", "Position"),
        ("OrderOfLines", "userId", "UserId"),
        ("LineBody", "productId", "ProductId"),
    ] {
        let reference = &schemas[schema]["properties"][member]["$ref"];
        assert_eq!(*reference, format!("#/components/schemas/{name}"), "{schema}.{member}");
    }
    let required = |schema: &str| schemas[schema]["required"].as_array().expect("names").clone();
    assert!(
        !required("AcceptedOrder").contains(&"reason".into())
            && !required("ProblemDocument").contains(&"orderId".into())
    );
}

/// Members that are left out where there is none are never null; but for `nextCursor`, which says that the list ends.
#[test]
fn nothing_is_null_but_the_end_of_a_list() {
    let document = json();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        visit(schema, &mut |value| {
            let is_null =
                |kind: &Value| kind == "null" || kind.as_array().is_some_and(|kinds| kinds.contains(&"null".into()));
            if value.get("type").is_some_and(is_null) {
                assert!(
                    name.ends_with("Page")
                        && value["description"].as_str().is_some_and(|text| text.contains("?cursor=")),
                    "{name}: {value}"
                );
            }
        });
    }
    for (method, path, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            assert!(!parameter["schema"]["type"].is_array(), "{method} {path} {name}: {}", parameter["schema"]);
            let schema = &parameter["schema"];
            let has_shape =
                schema["$ref"].is_string() || schema["pattern"].is_string() || schema["format"] == "position";
            let needs_one = [
                "productId",
                "userId",
                "orderId",
                "movementId",
                "after",
                "Idempotency-Key",
                "product",
                "user",
                "order",
            ];
            assert_eq!(has_shape, needs_one.contains(&name), "{method} {path} {name}");
        }
    }
}

/// Sent again, an example is another order: none has an id or a key.
#[test]
fn examples_can_be_sent_again_and_again() {
    let document = json();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        for example in schema.get("example").into_iter().chain(schema["examples"].as_array().into_iter().flatten()) {
            assert!(example.get("orderId").is_none(), "{name}");
        }
    }
    for name in ["OrderId", "MovementId"] {
        assert!(document["components"]["schemas"][name].get("examples").is_none(), "{name}");
    }
    for (method, path, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let decides_the_id =
                ["Idempotency-Key", "orderId", "movementId"].contains(&parameter["name"].as_str().expect("a name"));
            assert!(!decides_the_id || parameter.get("example").is_none(), "{method} {path}");
        }
    }
}

fn visit(value: &Value, see: &mut impl FnMut(&Value)) {
    see(value);
    match value {
        Value::Object(members) => members.values().for_each(|value| visit(value, see)),
        Value::Array(items) => items.iter().for_each(|value| visit(value, see)),
        _ => {}
    }
}
